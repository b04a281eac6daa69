import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { makeProcessFolder } from './process-folder.ts'
import { siblingModule } from './sibling-module.ts'

/** The folder of a process that has ended without removing it. */
const leftBehind = (kind: string): string => {
  const module = fileURLToPath(siblingModule(import.meta.url, './process-folder'))
  const program = `import { makeProcessFolder } from ${JSON.stringify(module)}
    console.log(await makeProcessFolder(${JSON.stringify(kind)}))`
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program]).stdout.toString().trim()
}

const kind = `test-${process.pid}`

describe('a folder of a process', () => {
  it('is its own, and stays while it lives', async () => {
    const [one, other] = [await makeProcessFolder(kind), await makeProcessFolder(kind)]
    expect(basename(one)).toMatch(new RegExp(`^slipway-${kind}-\\d+-${process.pid}-\\d*-`))
    expect([existsSync(one), existsSync(other), one === other]).toEqual([true, true, false])
    for (const folder of [one, other]) rmSync(folder, { recursive: true })
  })

  it('goes with the next of its kind when its process is gone, and no other does', async () => {
    const [left, otherKind] = [leftBehind(kind), leftBehind(`${kind}-other`)]
    writeFileSync(`${left}/file`, '')
    const notes = `${left.slice(0, left.lastIndexOf(kind) + kind.length)}-notes`
    mkdirSync(notes)
    const link = `${left}-link`
    symlinkSync(notes, link)
    const fresh = await makeProcessFolder(kind)
    expect([left, otherKind, notes, link].map((path) => existsSync(path))).toEqual([false, true, true, true])
    for (const path of [otherKind, link, notes, fresh]) rmSync(path, { recursive: true })
  })
})
