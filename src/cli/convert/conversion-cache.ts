import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { runProgram, systemClock, withTemporaryFolder } from '../../lib/index.ts'
import type { ConvertJob, Converted } from './convert-job.ts'
import { converterProgram } from './converter-process.ts'
import { digestOf, digestsOf } from './keep-result.ts'

/** A converted model as the converter left it. */
export interface Conversion {
  readonly converted: Converted
  /** Path of the ONNX file. */
  readonly model: string
}

/** What a conversion comes of, beside the job. */
export interface ConversionOrigin {
  readonly python: string
  /** An empty folder for the interpreter that is asked what it has. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly sourceFiles: Awaited<ReturnType<typeof digestsOf>>
  readonly slipway: string
}

const modelName = 'model.onnx'
const factsName = 'converted.json'
/** Bounds of the whole; what was used longest ago goes first. Models of trees have megabytes, networks gigabytes. */
const entriesMax = 100
const bytesMax = 4 * 1024 ** 3

/** Of another layout are conversions of other versions of this package. */
const layout = 1
const askTimeoutMs = 60_000

/** Tells the digest of an interpreter's version and of every package that it has. */
const question = `
import hashlib, importlib.metadata as metadata, platform, sys
found = sorted(f"{each.metadata['Name']} {each.version}" for each in metadata.distributions())
print(hashlib.sha256("\\n".join([sys.version, platform.machine(), *found]).encode()).hexdigest())
`

/**
 * Conversions that came out, by everything that they come of: the bytes of the model and of the sample, what was asked
 * for, the converter, and the packages of the interpreter. The same question has the same answer, which took minutes.
 */
export class ConversionCache {
  readonly #root: string
  readonly #bounds: { readonly entriesMax: number; readonly bytesMax: number }

  constructor(root: string, bounds = { entriesMax, bytesMax }) {
    this.#root = root
    this.#bounds = bounds
  }

  /** The key of a job; undefined when the interpreter can't be asked, which who runs it will tell. */
  async keyOf(job: Omit<ConvertJob, 'output' | 'result'>, origin: ConversionOrigin): Promise<string | undefined> {
    const { python, folder, environment, sourceFiles, slipway } = origin
    const asked = await runProgram([python, '-I', '-c', question], {
      directory: folder,
      environment: { PATH: environment['PATH'], LD_LIBRARY_PATH: environment['LD_LIBRARY_PATH'], HOME: folder },
      timeoutMs: askTimeoutMs,
    })
    const [packages = ''] = asked.output
    if (asked.outcome !== 'done' || !/^[0-9a-f]{64}$/.test(packages)) return undefined
    const wanted = {
      ...job,
      source: sourceFiles,
      // Of its bytes the source's files tell, and a model that is downloaded lies in another folder each time.
      example: job.example === null ? null : relative(job.source, job.example),
      sample: job.sample === null ? null : await digestOf(job.sample),
      limits: null,
    }
    const parts = [layout, slipway, await digestsOf(converterProgram), packages, wanted]
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  }

  /** What was kept under a key, when it is whole. */
  async find(key: string): Promise<Conversion | undefined> {
    const folder = join(this.#root, key)
    const model = join(folder, modelName)
    try {
      const { sha256, converted } = JSON.parse(await readFile(join(folder, factsName), 'utf8')) as KeptFacts
      if ((await digestOf(model)) !== sha256) throw new Error('its bytes have changed')
      const now = systemClock.wallMs() / 1000
      await utimes(folder, now, now)
      return { model, converted }
    } catch {
      await rm(folder, { recursive: true, force: true })
      return undefined
    }
  }

  /** Keeps a conversion, whole or not at all. */
  async keep(key: string, { converted, model }: Conversion): Promise<void> {
    if ((await stat(model)).size > this.#bounds.bytesMax) return
    // Why for the user alone: it may be told from a model what it was trained on.
    await mkdir(this.#root, { recursive: true, mode: 0o700 })
    await withTemporaryFolder(join(this.#root, '.new-'), async (fresh) => {
      await copyFile(model, join(fresh, modelName))
      const facts: KeptFacts = { sha256: await digestOf(model), converted }
      await writeFile(join(fresh, factsName), JSON.stringify(facts))
      // Another command may have kept the same meanwhile.
      await rename(fresh, join(this.#root, key)).catch(() => undefined)
    })
    await this.#keepWithinBounds()
  }

  async #keepWithinBounds(): Promise<void> {
    const names = (await readdir(this.#root)).filter((name) => /^[0-9a-f]{64}$/.test(name))
    const kept = await Promise.all(
      names.map(async (name) => {
        const folder = join(this.#root, name)
        const usedMs = (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0
        return { folder, usedMs, bytes: (await stat(join(folder, modelName)).catch(() => undefined))?.size ?? 0 }
      }),
    )
    kept.sort((a, b) => b.usedMs - a.usedMs)
    let bytes = 0
    for (const [index, each] of kept.entries()) {
      bytes += each.bytes
      if (index >= this.#bounds.entriesMax || bytes > this.#bounds.bytesMax)
        await rm(each.folder, { recursive: true, force: true })
    }
  }
}

interface KeptFacts {
  readonly sha256: string
  readonly converted: Converted
}
