import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LoadedConfig } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import { optionList } from './option-list.ts'
import { configReference, showConfig } from './show-config.ts'

/** A file that is there and empty. */
const emptyFile = '/dev/null'

let directory: string
let file: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-config-'))
  file = join(directory, 'slipway.yaml')
})
afterAll(() => rmSync(directory, { recursive: true }))

interface Sources {
  readonly yaml?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

const load = ({ yaml = '', environment = {}, args = [] }: Sources): LoadedConfig => {
  writeFileSync(file, yaml)
  return loadConfig({ args, environment, directory })
}
const problems = (sources: Sources): string[] => {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof Error && error.name === 'ConfigProblems')
      return error.message.replaceAll(directory, '').split('\n')
    throw error
  }
  return []
}

describe('the configuration', () => {
  it('is the defaults where nothing is given', () => {
    const { config, sources } = load({})
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8080 })
    expect(config.serving['batch.rowsMax']).toBe(64)
    expect(sources.size).toBe(0)
    expect(loadConfig({ args: [], environment: {}, directory: join(directory, 'none') }).config).toEqual(config)
  })

  it('takes flags over variables, variables over the file, the file over the defaults', () => {
    const yaml = 'http:\n  port: 1\n  host: a\nserving.batch.rowsMax: 5\n'
    const environment = { SLIPWAY_HTTP_PORT: '2', SLIPWAY_HTTP_HOST: 'b' }
    const { config, sources } = load({ yaml, environment, args: ['--port', '3'] })
    expect(config.http).toMatchObject({ port: 3, host: 'b' })
    expect(config.serving['batch.rowsMax']).toBe(5)
    expect(sources.get('http.port')).toBe('--port')
    expect(sources.get('http.host')).toBe('SLIPWAY_HTTP_HOST')
    expect(sources.get('serving.batch.rowsMax')).toBe(`${file}:4: serving.batch.rowsMax`)
  })

  it('can not be changed afterwards', () => {
    const { config } = load({})
    expect(Object.isFrozen(config) && Object.values(config).every((module) => Object.isFrozen(module))).toBe(true)
    const { serving, http } = load({ args: ['--model-repository', 'a'] }).config
    expect([serving.modelRepository, http.allowedHosts].every((list) => Object.isFrozen(list))).toBe(true)
  })

  it('takes durations and sizes with units, or as milliseconds and bytes', () => {
    const duration = (text: string): number =>
      load({ args: [`--serving.poll-interval-ms=${text}`] }).config.serving.pollIntervalMs
    expect(['250ms', '10s', '1.5m', '2h', '20'].map(duration)).toEqual([250, 10_000, 90_000, 7_200_000, 20])
    const size = (text: string): number =>
      load({ environment: { SLIPWAY_HTTP_BODY_BYTES_MAX: text } }).config.http.bodyBytesMax
    expect(['64MiB', '1 GB', '2kib', '4096', '1.5KB'].map(size)).toEqual([2 ** 26, 1e9, 2048, 4096, 1500])
    expect(load({ yaml: 'http:\n  bodyBytesMax: 1MiB\n' }).config.http.bodyBytesMax).toBe(2 ** 20)
  })

  it('turns switches on and off by flag', () => {
    const allowed = (...args: string[]): boolean => load({ args }).config.http.allowUnauthenticated
    expect(allowed('--http.allow-unauthenticated')).toBe(true)
    expect(allowed('--http.allow-unauthenticated=false')).toBe(false)
    expect(
      load({ yaml: 'http.allowUnauthenticated: true', args: ['--no-http.allow-unauthenticated'] }).config.http,
    ).toMatchObject({ allowUnauthenticated: false })
    expect(problems({ args: ['--no-port'] })[0]).toContain('unknown flag --no-port')
    expect(problems({ args: ['--no-http.reuse-port=true'] })).toEqual(['--no-http.reuse-port takes no value'])
  })

  it('takes lists with commas, by repeating the flag, or as lists', () => {
    const hosts = (sources: Sources): readonly string[] => load(sources).config.http.allowedHosts
    expect(hosts({ args: ['--http.allowed-hosts', 'a,b', '--http.allowed-hosts=c'] })).toEqual(['a', 'b', 'c'])
    expect(load({ args: ['--model-repository=a'] }).sources.get('serving.modelRepository')).toBe('--model-repository')
    expect(hosts({ environment: { SLIPWAY_HTTP_ALLOWED_HOSTS: 'a, b' } })).toEqual(['a', 'b'])
    expect(hosts({ yaml: 'http:\n  allowedHosts: [a, b]\n' })).toEqual(['a', 'b'])
    expect(hosts({ environment: { SLIPWAY_HTTP_ALLOWED_HOSTS: '' } })).toEqual([])
  })

  it('tells every problem of every source at once, with its source and what was meant', () => {
    const sources = {
      yaml: 'http:\n  prot: 1\n  host: [a]\nlog.level: loud\n',
      environment: { SLIPWAY_PROT: '1', SLIPWAY_SERVING_INSTANCES: 'many' },
      args: [
        '--prot=1',
        '--port',
        '70000',
        'stray',
        '--http.body-bytes-max=1XB',
        '--serving.poll-interval-ms=1d',
        '--host',
      ],
    }
    expect(problems(sources)).toEqual([
      "/slipway.yaml:2: unknown option http.prot; did you mean 'http.port'?",
      "unknown variable SLIPWAY_PROT; did you mean 'SLIPWAY_HTTP_PORT'?",
      "unknown flag --prot; did you mean '--port'?",
      "unexpected 'stray'",
      '--host needs a value, as in --host HOST',
      '/slipway.yaml:3: http.host: must be a text',
      '--port: must be at most 65535, not 70000',
      "--http.body-bytes-max: must be a size such as 64MiB or 1GB, not '1XB'",
      "--serving.poll-interval-ms: must be a duration such as 250ms, 10s or 5m, not '1d'",
      "SLIPWAY_SERVING_INSTANCES: must be a whole number, not 'many'",
      "/slipway.yaml:4: log.level: must be one of debug, info, warn, error, silent, not 'loud'",
    ])
  })

  it.each(['', ' ', '1.5', '-1', 'NaN', 'Infinity', '1e400', '0x'])('refuses %j as a port', (text) => {
    expect(problems({ environment: { SLIPWAY_HTTP_PORT: text } })).toEqual([
      expect.stringMatching(/^SLIPWAY_HTTP_PORT: must be/),
    ])
  })

  it.each([
    ['SLIPWAY_PORT', 'SLIPWAY_HTTP_PORT'],
    ['SLIPWAY_HOST', 'SLIPWAY_HTTP_HOST'],
    ['SLIPWAY_MODEL_REPOSITORY', 'SLIPWAY_SERVING_MODEL_REPOSITORY'],
    ['SLIPWAY_LOAD_MODEL', 'SLIPWAY_SERVING_LOAD_MODELS'],
    ['SLIPWAY_BODY_BYTES_MAX', 'SLIPWAY_HTTP_BODY_BYTES_MAX'],
    ['SLIPWAY_HTTP_PROT', 'SLIPWAY_HTTP_PORT'],
    ['SLIPWAY_MODEL_REPOSITRY', 'SLIPWAY_SERVING_MODEL_REPOSITORY'],
    ['SLIPWAY_CONFG', 'SLIPWAY_CONFIG'],
  ])('knows what was meant by the variable %s', (variable, meant) => {
    expect(problems({ environment: { [variable]: '1' } })).toEqual([
      `unknown variable ${variable}; did you mean '${meant}'?`,
    ])
  })

  it('guesses nothing for a variable that is like none', () => {
    expect(problems({ environment: { SLIPWAY_FLAVOUR: 'x' } })).toEqual(['unknown variable SLIPWAY_FLAVOUR'])
  })

  it('passes over the variables that Kubernetes sets for a Service called slipway', () => {
    const environment = {
      SLIPWAY_SERVICE_HOST: '10.0.0.1',
      SLIPWAY_SERVICE_PORT: '8080',
      SLIPWAY_SERVICE_PORT_HTTP: '8080',
      SLIPWAY_PORT: 'tcp://10.0.0.1:8080',
      SLIPWAY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      SLIPWAY_PORT_8080_TCP_ADDR: '10.0.0.1',
    }
    expect(load({ environment }).config.http.port).toBe(8080)
  })

  it.each([
    [['--config'], '--config needs a value, as in --config FILE'],
    [['--config='], '--config needs a value, as in --config FILE'],
    [['--config', '--port', '1'], '--config needs a value, as in --config FILE'],
    [['--config', emptyFile, '--config', emptyFile], '--config is given twice'],
    [['--confg', 'x.yaml'], "unknown flag --confg; did you mean '--config'?"],
    [['--port'], '--port needs a value, as in --port PORT'],
    [['--port', '--grpc-port', '1'], '--port needs a value, as in --port PORT'],
    [['--model-control'], '--model-control needs a value, as in --model-control none|poll|explicit'],
    [
      ['--serving.poll-interval-ms'],
      '--serving.poll-interval-ms needs a value, as in --serving.poll-interval-ms DURATION',
    ],
    [['--port', '1', '--port=1'], '--port is given twice'],
    [['--port', '1', '--http.port', '2'], '--http.port sets what --port has set already'],
    [['--http.reuse-port', '--no-http.reuse-port'], '--no-http.reuse-port sets what --http.reuse-port has set already'],
    [['--http-port', '1'], "unknown flag --http-port; did you mean '--http.port'?"],
    [['-p'], 'unknown flag -p'],
    [['--', '--port'], "unexpected '--port'"],
  ])('tells what is wrong with the flags %j', (args, problem) => {
    expect(problems({ args })[0]).toBe(problem)
  })

  it('leaves other variables alone', () => {
    expect(problems({ environment: { PATH: '/bin', SLIPWAY_SERVER: 'http://x', SLIPWAY_KEY: 'k' } })).toEqual([])
  })
})

describe('the configuration file', () => {
  it('may be named by a flag or a variable, and must then be there', () => {
    const other = join(directory, 'other.yaml')
    writeFileSync(other, 'http.port: 7')
    for (const args of [['--config', other], [`--config=${other}`]]) expect(load({ args }).config.http.port).toBe(7)
    expect(load({ environment: { SLIPWAY_CONFIG: other } }).config.http.port).toBe(7)
    expect(problems({ args: ['--config', join(directory, 'none.yaml')] })[0]).toContain("/none.yaml: can't be read")
  })

  it('that is no YAML, no map or too large is refused with its name', () => {
    const bomb = `a: &a [x, x]\n${Array.from({ length: 12 }, (_, index) => {
      const [name, before] = [String.fromCodePoint(98 + index), String.fromCodePoint(97 + index)]
      return `${name}: &${name} [*${before}, *${before}, *${before}]`
    }).join('\n')}`
    const texts = [
      'http: [',
      'http.port: 1\nhttp.port: 2',
      'text',
      '- a',
      '5',
      `# ${'x'.repeat(2 ** 20)}`,
      '['.repeat(50_000),
      bomb,
    ]
    for (const yaml of texts) {
      const found = problems({ yaml })
      expect(found.length).toBeGreaterThan(0)
      for (const problem of found) expect(problem).toMatch(/^\/slipway\.yaml(:\d+)?: /)
    }
  })

  it('without an end is refused', () => {
    expect(problems({ args: ['--config', '/dev/zero'] })).toEqual(['/dev/zero: larger than 1048576 bytes'])
  })

  it('names the line of a value, through aliases and nesting', () => {
    const yaml = '# a comment\nhttp: &door\n  port: 99999\ngrpc: *door\nserving: { batch.rowsMax: x }\n'
    expect(problems({ yaml })).toEqual([
      '/slipway.yaml:3: http.port: must be at most 65535, not 99999',
      '/slipway.yaml:4: grpc.port: must be at most 65535, not 99999',
      "/slipway.yaml:5: serving.batch.rowsMax: must be a whole number, not 'x'",
    ])
  })

  it('may be empty, or comments', () => {
    for (const yaml of ['', '# nothing', '---\n', 'null', 'http:\n  # port: 1\nlog: {}\n'])
      expect(problems({ yaml })).toEqual([])
  })
})

describe('the shown configuration', () => {
  it('tells where every value comes from', () => {
    const shown = showConfig(load({ args: ['--port=9'] }))
    expect(shown).toHaveLength(optionList.length)
    expect(shown.find((option) => option.path === 'http.port')).toEqual({
      path: 'http.port',
      value: 9,
      source: '--port',
    })
    expect(shown.find((option) => option.path === 'http.host')?.source).toBe('default')
  })

  it('masks secrets', () => {
    const shown = showConfig(load({ environment: { SLIPWAY_TRACING_OTLP_HEADERS: 'authorization=hunter2' } }))
    expect(JSON.stringify(shown)).not.toContain('hunter2')
    expect(shown.find((option) => option.path === 'tracing.otlpHeaders')?.value).toBe('***')
  })
})

describe('the options', () => {
  it('have names of their own in every source', () => {
    const names = optionList.flatMap((named) => [named.path, named.variable, ...named.flags])
    expect(new Set(names).size).toBe(names.length)
  })

  it('have defaults within their own bounds', () => {
    const args = optionList.flatMap(({ flags, option }) =>
      option.type === 'boolean' ? [] : [`${flags.at(-1) ?? ''}=${String(option.default)}`],
    )
    const enums = new Set(optionList.filter(({ option }) => option.type === 'enum').map(({ path }) => path))
    expect(problems({ args })).toEqual([])
    expect(enums.size).toBeGreaterThan(0)
  })

  it('are all in the reference', () => {
    const reference = configReference()
    for (const { path, variable, flags } of optionList)
      for (const name of [path, variable, ...flags]) expect(reference).toContain(`\`${name}\``)
    expect(reference).toContain('| bytes | 64MiB |')
    expect(reference).toContain('| duration | 15s |')
  })
})
