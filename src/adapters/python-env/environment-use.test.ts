import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evict, markUsed } from './environment-use.ts'

let root: string
let directory: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-used-'))
  directory = join(root, 'environment')
  mkdirSync(directory)
})
afterEach(() => rmSync(root, { recursive: true }))

describe('an environment', () => {
  it('that no process uses is evicted', async () => {
    await evict(directory)
    expect(readdirSync(root)).toEqual([])
    expect(await markUsed(directory)).toBe(false)
    await evict(directory)
  })

  it('that another process uses stays until that one has ended', async () => {
    const module = JSON.stringify(fileURLToPath(new URL('environment-use.ts', import.meta.url)))
    const source = `
import { markUsed } from ${module}
console.log(await markUsed(process.argv[1]))
process.stdin.resume()`
    const args = ['--input-type=module', '-e', source, directory]
    const other = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => other.on('exit', resolve))
    const said = await new Promise((resolve) => other.stdout.once('data', (data: Buffer) => resolve(data.toString())))
    expect(said).toBe('true\n')
    await evict(directory)
    expect(existsSync(directory)).toBe(true)

    other.kill('SIGKILL')
    await ended
    await evict(directory)
    expect(readdirSync(root)).toEqual([])
  })

  it('forgets processes that are gone, and stays for those that run', async () => {
    const marks = join(directory, 'slipway-used-by')
    mkdirSync(marks)
    writeFileSync(join(marks, '2147483646'), '{"pid":2147483646,"started":"1"}')
    writeFileSync(join(marks, 'damaged'), '{')
    expect(await markUsed(directory)).toBe(true)
    expect(readdirSync(marks)).toEqual([String(process.pid)])
    await evict(directory)
    expect(readdirSync(root)).toEqual(['environment'])
  })
})
