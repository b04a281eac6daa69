import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../lib/index.ts'
import { loadConfig } from './config/load-config.ts'
import { openDataFolder } from './data-folder.ts'
import type { DataLock } from './data-lock.ts'

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-data-'))
})
afterAll(() => rmSync(root, { recursive: true }))

const open = (folder: string, ...flags: readonly string[]): DataLock => {
  const args = ['--data-dir', folder, ...flags]
  return openDataFolder(loadConfig({ args, environment: {}, directory: root }).config, systemClock)
}
const lockOf = (folder: string): string => join(folder, 'slipway.lock')
const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid

describe('the data folder', () => {
  it('is made with every folder above it', () => {
    const folder = join(root, 'a', 'b', 'c')
    open(folder).release()
    expect(statSync(join(folder, 'models')).isDirectory()).toBe(true)
    expect(readdirSync(folder)).toEqual(['models'])
  })

  it('with a file in the way is refused, with the file', () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    for (const folder of [file, join(file, 'inner')])
      expect(() => open(folder)).toThrow(`the data folder ${folder} can't be used: a file is in the way`)
    const folder = join(root, 'taken')
    open(folder).release()
    rmSync(join(folder, 'models'), { recursive: true })
    writeFileSync(join(folder, 'models'), '')
    expect(() => open(folder)).toThrow(`a file is in the way (ENOTDIR, at ${join(folder, 'models')})`)
  })

  // Why: in a process of its own that ends, since a start that hangs there can't be interrupted.
  it.runIf(existsSync('/proc/self'))('below /proc is refused at once', () => {
    const program = `
      import { openDataFolder } from ${JSON.stringify(new URL('data-folder.ts', import.meta.url).href)}
      try {
        openDataFolder({ app: { dataDir: '/proc/slipway/data' }, http: { reusePort: false } }, undefined)
      } catch (error) {
        console.log(error.message)
      }`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      timeout: 10_000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    })
    expect(status).toBe(0)
    expect(stdout).toContain("the data folder /proc/slipway/data can't be used: the file system takes no files (ENOENT")
  })
})

describe('the lock of the data folder', () => {
  it('keeps a second server out until the first has stopped', () => {
    const folder = join(root, 'one')
    const lock = open(folder)
    expect(readFileSync(lockOf(folder), 'utf8')).toContain(`"pid":${process.pid},`)
    expect(() => open(folder)).toThrow(`${folder} is in use by the server with process id ${process.pid}`)
    expect(() => open(folder, '--http.reuse-port'), 'both must share').toThrow('is in use')
    lock.release()
    expect(existsSync(lockOf(folder))).toBe(false)
    open(folder).release()
  })

  it('is held together by servers that share their port', () => {
    const folder = join(root, 'shared')
    const [first, second] = [open(folder, '--http.reuse-port'), open(folder, '--http.reuse-port')]
    first.release()
    expect(() => open(folder)).toThrow('is in use')
    second.release()
    open(folder).release()
  })

  it.each([
    ['a dead process', () => JSON.stringify([{ pid: deadPid(), started: '', shared: false }])],
    [
      'an earlier process of the same number',
      () => JSON.stringify([{ pid: process.pid, started: '1', shared: false }]),
    ],
    ['nobody, cut short', () => '[{"pid":'],
    ['nobody, empty', () => ''],
    ['no process', () => '[{"pid":-1,"started":""},{"pid":0,"started":""},null,7]'],
    ['no list', () => '{"pid":1}'],
  ])('of %s is taken over', (name, content) => {
    const folder = join(root, name.replaceAll(' ', '-'))
    open(folder).release()
    writeFileSync(lockOf(folder), content())
    open(folder).release()
    expect(readdirSync(folder)).toEqual(['models'])
  })

  it('is changed after whoever died while changing it', () => {
    const folder = join(root, 'abandoned')
    open(folder).release()
    writeFileSync(`${lockOf(folder)}.next`, '')
    utimesSync(`${lockOf(folder)}.next`, 1, 1)
    open(folder).release()
    expect(readdirSync(folder)).toEqual(['models'])
  })

  it('goes to exactly one of several that start at once', async () => {
    const folder = join(root, 'race')
    const program = `
      import { openDataFolder } from ${JSON.stringify(new URL('data-folder.ts', import.meta.url).href)}
      import { systemClock } from ${JSON.stringify(new URL('../lib/index.ts', import.meta.url).href)}
      const config = { app: { dataDir: ${JSON.stringify(folder)} }, http: { reusePort: false } }
      process.stdin.once('data', () => {
        try {
          openDataFolder(config, systemClock)
          console.log('got it')
        } catch (error) {
          console.log(error.message)
        }
      })
      console.log('here')`
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', program], {
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    )
    const said = (child: (typeof children)[number]): Promise<string> =>
      new Promise((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
    try {
      await Promise.all(children.map(said))
      const answers = children.map(said)
      for (const child of children) child.stdin.write('go\n')
      const told = await Promise.all(answers)
      const winners = children.filter((_, index) => told[index] === 'got it')
      expect(winners).toHaveLength(1)
      for (const text of told.filter((answer) => answer !== 'got it'))
        expect(text).toContain(`is in use by the server with process id ${winners[0]?.pid ?? ''};`)
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  })
})
