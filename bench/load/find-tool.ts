import { access, constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where a program is: on the PATH, or in one of the other folders; throws with what to do when it is nowhere. */
export const findTool = async (name: string, folders: readonly string[], howToInstall: string): Promise<string> => {
  const path = (process.env['PATH'] ?? '').split(delimiter)
  for (const folder of [...path, ...folders]) {
    const file = join(folder, name)
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  throw new Error(`${name} is not installed: ${howToInstall}`)
}

export const findWrk = (): Promise<string> => findTool('wrk', [], 'apt-get install wrk, or brew install wrk')

export const findGhz = (): Promise<string> =>
  findTool(
    'ghz',
    [join(process.env['GOPATH'] ?? join(homedir(), 'go'), 'bin')],
    'go install github.com/bojand/ghz/cmd/ghz@v0.120.0',
  )
