import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const must = (command: string, args: readonly string[]): void => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(
    `${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}; python3 with venv is needed`,
  )
  process.exit(1)
}

/** Path of the Python of a venv that has what a file of requirements asks for; made anew when that file changed. */
export const pythonWith = (name: string, requirementsFile: string): string => {
  const venv = resolve('.venvs', name)
  const python = join(venv, 'bin', 'python')
  const requirements = resolve('test/clients', requirementsFile)
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  const stamp = join(venv, 'requirements.sha256')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python
  console.error(`Making the venv ${name} with the clients of ${requirementsFile}…`)
  rmSync(venv, { recursive: true, force: true })
  must('python3', ['-m', 'venv', venv])
  must(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  writeFileSync(stamp, wanted)
  return python
}
