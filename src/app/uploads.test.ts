import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { diskUploads, tidyUploads } from './uploads.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-uploads-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const read = (path: string): string | undefined =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
const files = (path: string, text: string): Map<string, Uint8Array> => new Map([[path, Buffer.from(text)]])

describe('uploaded files', () => {
  it('are aside until they are kept, and take the place of all that was there', async () => {
    write('m/1/model.mjs', 'old')
    const upload = await diskUploads(root).stage('m', files('2/model.mjs', 'new'))
    expect([read('m/1/model.mjs'), read('m/2/model.mjs')]).toEqual(['old', undefined])
    expect(readFileSync(join(upload.root, 'm/2/model.mjs'), 'utf8')).toBe('new')
    await upload.keep()
    await upload.drop()
    expect([read('m/1/model.mjs'), read('m/2/model.mjs')]).toEqual([undefined, 'new'])
    expect(readdirSync(root)).toEqual(['m'])
  })

  it('that are dropped leave nothing, and the earlier ones untouched', async () => {
    write('m/1/model.mjs', 'old')
    const upload = await diskUploads(root).stage('m', files('1/model.mjs', 'new'))
    await upload.drop()
    expect([readdirSync(root), read('m/1/model.mjs')]).toEqual([['m'], 'old'])
  })

  it('leave the earlier ones in place when they can not be kept', async () => {
    write('m/1/model.mjs', 'old')
    const upload = await diskUploads(root).stage('m', files('1/model.mjs', 'new'))
    rmSync(upload.root, { recursive: true })
    await expect(upload.keep()).rejects.toThrow('ENOENT')
    expect(read('m/1/model.mjs')).toBe('old')
    await tidyUploads(root)
    expect([readdirSync(root), read('m/1/model.mjs')]).toEqual([['m'], 'old'])
  })
})

describe('a start after a crash', () => {
  it('removes what was in the making', async () => {
    write('.new-a/m/1/model.mjs', 'half')
    write('n/1/model.mjs', 'kept')
    await tidyUploads(root)
    expect(readdirSync(root)).toEqual(['n'])
  })

  it('puts a model back that had made way for one that never came', async () => {
    write('.replaced-a/m/1/model.mjs', 'old')
    write('.new-b/m/1/model.mjs', 'new')
    await tidyUploads(root)
    expect([readdirSync(root), read('m/1/model.mjs')]).toEqual([['m'], 'old'])
  })

  it('keeps the new model when that was there already', async () => {
    write('.replaced-a/m/1/model.mjs', 'old')
    write('m/1/model.mjs', 'new')
    await tidyUploads(root)
    expect([readdirSync(root), read('m/1/model.mjs')]).toEqual([['m'], 'new'])
  })

  it('makes the folder when there is none', async () => {
    await tidyUploads(join(root, 'deep', 'models'))
    expect(readdirSync(join(root, 'deep'))).toEqual(['models'])
  })
})
