import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installerEnvironment } from './installer-environment.ts'

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'slipway-home-'))
})
afterAll(() => rmSync(home, { recursive: true }))

describe('the environment of the installer', () => {
  it('holds what a program needs and how an index is reached, and nothing else', () => {
    const passed = {
      PATH: '/bin',
      LANG: 'C',
      TMPDIR: '/t',
      PIP_INDEX_URL: 'https://index.example',
      PIP_EXTRA_INDEX_URL: 'https://other.example',
      PIP_CERT: '/cert',
      PIP_CACHE_DIR: '/cache',
      PIP_CONFIG_FILE: '/pip.conf',
      https_proxy: 'http://proxy.example',
      NO_PROXY: 'localhost',
    }
    const kept = {
      HOME: home,
      SLIPWAY_KEY: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      PIP_PASSWORD: 'x',
      PIP_TARGET: '/elsewhere',
      PYTHONPATH: '/elsewhere',
      TWINE_PASSWORD: 'x',
      SSH_AUTH_SOCK: '/agent',
    }
    expect(installerEnvironment({ ...passed, ...kept }, '/private')).toEqual({ ...passed, HOME: '/private' })
    expect(installerEnvironment({}, '/private')).toEqual({ HOME: '/private' })
  })

  it("names the operator's own settings and cache, since its home is another", () => {
    mkdirSync(join(home, '.config', 'pip'), { recursive: true })
    writeFileSync(join(home, '.config', 'pip', 'pip.conf'), '')
    expect(installerEnvironment({ HOME: home }, '/private')).toEqual({
      HOME: '/private',
      PIP_CONFIG_FILE: join(home, '.config', 'pip', 'pip.conf'),
      PIP_CACHE_DIR: join(home, '.cache', 'pip'),
    })
    expect(installerEnvironment({ HOME: '/nowhere', XDG_CACHE_HOME: '/xdg' }, '/private')).toEqual({
      HOME: '/private',
      PIP_CACHE_DIR: join('/xdg', 'pip'),
    })
  })
})
