import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandList } from './command-list.ts'
import { runCommandLine } from './main.ts'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-main-'))
  writeFileSync(join(directory, 'slipway.yaml'), 'http:\n  port: 99999\n  prot: 1\n')
})
afterAll(() => rmSync(directory, { recursive: true }))

const slipway = async (...args: readonly string[]): Promise<Ran> => {
  let out = ''
  let err = ''
  const code = await runCommandLine({
    args,
    environment: {},
    directory,
    out: (text) => (out += text),
    err: (text) => (err += text),
    input: () => Promise.resolve(new Uint8Array()),
    terminal: false,
  })
  return { code, out, err }
}

describe('the frame of the command line', () => {
  it('lists every command with its summary; without a command that is wrong usage', async () => {
    const { code, out } = await slipway('--help')
    expect(code).toBe(0)
    for (const { name, summary } of commandList) expect(out).toContain(`${name} `.padEnd(8).concat(` ${summary}`))
    expect(await slipway()).toEqual({ code: 2, out, err: '' })
  })

  it('tells wrong usage as text alone, or as JSON besides when asked', async () => {
    expect(await slipway('modles')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/mean 'models'/) as unknown,
    })
    const { code, out } = await slipway('modles', '--json')
    expect(code).toBe(2)
    expect(JSON.parse(out)).toEqual({ error: "unknown command 'modles'; did you mean 'models'?", code: 'wrong_usage' })
  })

  it('tells every problem of a configuration, with its line', async () => {
    const { code, out, err } = await slipway('config', 'check', '--json')
    const { error, code: kind } = JSON.parse(out) as { error: string; code: string }
    expect({ code, kind }).toEqual({ code: 2, kind: 'wrong_usage' })
    expect(error.replaceAll(directory, '').split('\n')).toEqual([
      "/slipway.yaml:3: unknown option http.prot; did you mean 'http.port'?",
      '/slipway.yaml:2: http.port: must be at most 65535, not 99999',
    ])
    expect(err).toContain(error)
  })

  it('prints the version of the package', async () => {
    expect(await slipway('--version')).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as unknown,
      err: '',
    })
  })
})
