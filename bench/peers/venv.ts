import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../load/run-tool.ts'

/** Makes a virtual environment with what a file requires; a stamp in it tells whether it holds that. */
export const installVenv = async (venv: string, requirements: string): Promise<void> => {
  const stamp = join(venv, 'requirements.txt')
  const [wanted, installed] = await Promise.all([
    readFile(requirements, 'utf8'),
    readFile(stamp, 'utf8').catch(() => ''),
  ])
  if (wanted === installed) return
  console.error(`installing ${requirements} into ${venv} …`)
  await mkdir(venv, { recursive: true })
  await runTool('python3', ['-m', 'venv', venv])
  await runTool(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  await copyFile(requirements, stamp)
}

/** Versions of the named packages that are installed. */
export const versionsIn = async (
  venv: string,
  wanted: readonly string[],
): Promise<Readonly<Record<string, string>>> => {
  const list = await runTool(join(venv, 'bin', 'pip'), ['list', '--format=json', '--disable-pip-version-check'])
  const packages = JSON.parse(list) as readonly { readonly name: string; readonly version: string }[]
  return Object.fromEntries(
    packages.filter(({ name }) => wanted.includes(name)).map(({ name, version }) => [name, version]),
  )
}
