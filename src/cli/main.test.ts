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
    for (const { name, summary } of commandList) expect(out).toContain(`${name} `.padEnd(12).concat(` ${summary}`))
    expect(await slipway()).toEqual({ code: 2, out, err: '' })
  })

  it('tells wrong usage as text, or as one line of JSON when asked, and on standard error alone', async () => {
    expect(await slipway('modles')).toEqual({
      code: 2,
      out: '',
      err: "slipway: unknown command 'modles'; did you mean 'models'?\nslipway --help lists the commands.\n",
    })
    const { code, out, err } = await slipway('modles', '--json')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(JSON.parse(err)).toEqual({
      error: { code: 'wrong_usage', message: "unknown command 'modles'; did you mean 'models'?" },
    })
    expect((await slipway('--hlep')).err).toContain("unknown flag --hlep; did you mean '--help'?")
  })

  it('tells every problem of a configuration, with its line', async () => {
    const { code, out, err } = await slipway('config', 'check', '--json')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    const { error } = JSON.parse(err) as { error: { code: string; message: string } }
    expect(error.code).toBe('wrong_usage')
    expect(error.message.replaceAll(directory, '').split('\n')).toEqual([
      "/slipway.yaml:3: unknown option http.prot; did you mean 'http.port'?",
      '/slipway.yaml:2: http.port: must be at most 65535, not 99999',
    ])
    expect((await slipway('config', 'check')).err).toContain(error.message)
  })

  it('helps with a command by either form', async () => {
    for (const { name } of commandList) {
      const helped = await slipway('help', name)
      expect(helped).toEqual(await slipway(name, '--help'))
      expect(helped).toMatchObject({ code: 0, err: '' })
    }
    expect(await slipway('help')).toEqual(await slipway('--help'))
    expect(await slipway('help', '--help')).toEqual(await slipway('--help'))
    expect(await slipway('help', 'depoly')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining("unknown command 'depoly'; did you mean 'deploy'?") as unknown,
    })
    expect((await slipway('help', 'nonsense')).err).toContain("unknown command 'nonsense'\n")
    expect(await slipway('help', 'up', 'down')).toMatchObject({ code: 2 })
  })

  it('shows what every flag takes and its default', async () => {
    const { out } = await slipway('up', '--help')
    for (const form of ['--port PORT ', '--grpc-port PORT ', '--data-dir DIR ', '--ready-file FILE ', '--config FILE '])
      expect(out).toContain(`  ${form}`)
    expect(out).toMatch(/--port PORT .*\(default 8080\)\n/)
    expect(out).toMatch(/--model-control none\|poll\|explicit .*\(default none\)\n/)
    for (const { name, load } of commandList) {
      const help = await slipway('help', name)
      for (const flag of (await load()).flags) {
        expect(help.out).toContain(`  --${flag.name} ${flag.value ?? ''}`)
        if (flag.default !== undefined) expect(help.out).toContain(`(default ${flag.default})`)
      }
    }
  })

  it('prints the version of the package', async () => {
    expect(await slipway('--version')).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as unknown,
      err: '',
    })
  })
})
