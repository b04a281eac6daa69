import { runProgram } from '../../lib/index.ts'
import { PackagingError } from '../packaging-error.ts'

/** Of an interpreter, or of the one that a virtual environment was made of. */
export interface PythonInterpreter {
  /** Its program. */
  readonly program: string
  /** The folder below which it and its modules are. */
  readonly prefix: string
  /** The folder of its standard library, below the prefix. */
  readonly library: string
  readonly version: string
  /** `cpython-311`, which is part of the names of compiled modules. */
  readonly cacheTag: string
}

interface Answer extends PythonInterpreter {
  readonly implementation: string
  readonly platform: string
  readonly bits: number
}

const question = `
import json, os, platform, struct, sys, sysconfig
print(json.dumps({
    "program": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": os.path.realpath(sys.base_prefix),
    "library": os.path.realpath(os.path.dirname(os.__file__)),
    "version": platform.python_version(),
    "cacheTag": sys.implementation.cache_tag,
    "implementation": sys.implementation.name,
    "platform": sysconfig.get_platform(),
    "bits": 8 * struct.calcsize("P"),
}))
`
const timeoutMs = 60_000

/** Node's names of processors in the words of Python. */
const machines: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/** Asks an interpreter for what an image needs of it. Throws PackagingError when none can be made of it. */
export const askInterpreter = async (
  python: string,
  environment: Readonly<Record<string, string>>,
): Promise<PythonInterpreter> => {
  const { outcome, status, output } = await runProgram([python, '-I', '-c', question], { environment, timeoutMs })
  const answer = outcome === 'done' ? answerOf(output) : undefined
  if (answer === undefined) {
    const told =
      outcome === 'done' ? 'it answered something else than was asked' : [status, ...output.slice(-3)].join(' ')
    throw new PackagingError([`the interpreter ${python} can't be asked what an image needs of it: ${told}`])
  }
  const wrong = whyUnfit(answer)
  if (wrong !== undefined) throw new PackagingError([`an image can't hold the interpreter ${python}: ${wrong}`])
  return answer
}

const answerOf = (output: readonly string[]): Answer | undefined => {
  try {
    const answer = JSON.parse(output.at(-1) ?? '') as Partial<Answer>
    const texts = [answer.program, answer.prefix, answer.library, answer.version, answer.cacheTag, answer.platform]
    return texts.every((text) => typeof text === 'string' && text !== '') ? (answer as Answer) : undefined
  } catch {
    return undefined
  }
}

const whyUnfit = ({ implementation, platform, bits, prefix, library, version }: Answer): string | undefined => {
  const here = `linux-${machines[process.arch] ?? process.arch}`
  if (implementation !== 'cpython') return `it is ${implementation}, not CPython`
  if (platform !== here || bits !== 64) return `it is for ${platform} of ${bits} bits, and the image for ${here}`
  if (!library.startsWith(`${prefix}/`)) return `its library ${library} is not below its prefix ${prefix}`
  return /^3\.\d+/.test(version) ? undefined : `its version is ${version}`
}
