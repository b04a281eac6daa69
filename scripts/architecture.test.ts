import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const src = join(root, 'src')

/**
 * Which rooms each room of src/ may import, always through their index.ts. ARCHITECTURE.md tells why. Rooms that don't
 * exist yet are listed where the design has them, so that their place is known.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  tensor: ['lib'],
  protocol: ['lib', 'tensor'],
  ports: ['lib', 'protocol'],
  registry: ['lib', 'protocol', 'ports'],
  host: ['lib', 'tensor'],
  serving: ['lib', 'tensor', 'protocol', 'host'],
  delivery: ['lib', 'tensor', 'protocol', 'ports', 'registry', 'serving'],
  monitoring: ['lib', 'protocol'],
  gateway: ['lib', 'tensor', 'protocol', 'serving'],
  adapters: ['lib', 'protocol', 'ports'],
  packaging: ['lib', 'tensor'],
  dialects: ['lib', 'tensor', 'protocol', 'ports', 'registry', 'serving', 'gateway'],
  api: ['lib', 'tensor', 'protocol', 'registry', 'serving', 'dialects'],
  client: ['lib', 'tensor', 'protocol'],
  app: [
    'lib',
    'tensor',
    'protocol',
    'ports',
    'registry',
    'adapters',
    'host',
    'serving',
    'delivery',
    'monitoring',
    'gateway',
    'dialects',
    'packaging',
    'api',
  ],
  cli: ['lib', 'tensor', 'protocol', 'packaging', 'api', 'client', 'monitoring', 'app'],
  testing: ['lib', 'tensor', 'protocol', 'ports', 'registry', 'adapters', 'app'],
}

/** Files that other rooms may import besides index.ts: option tables, and the folders of dialects, which are rooms of their own. */
const isDoor = (path: string): boolean =>
  /^[^/]+\/(index|config)\.ts$/.test(path) ||
  /^(dialects|api|adapters)\/[^/]+\/(index|config)\.ts$/.test(path) ||
  path.startsWith('app/')

const sources = readdirSync(src, { recursive: true })
  .map(String)
  .map((path) => path.split(sep).join('/'))
  .filter((path) => path.endsWith('.ts'))

interface Import {
  readonly from: string
  readonly to: string
}

const importsOf = (path: string): Import[] => {
  const text = readFileSync(join(src, path), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => ({
    from: path,
    to: relative(src, resolve(src, dirname(path), match[1] ?? ''))
      .split(sep)
      .join('/'),
  }))
}

const roomOf = (path: string): string => path.split('/')[0] ?? ''
const production = sources.filter((path) => !path.endsWith('.test.ts'))
const crossing = production.flatMap(importsOf).filter(({ from, to }) => roomOf(from) !== roomOf(to))

describe('the rooms of src/', () => {
  it('are the ones that the table lists', () => {
    expect([...new Set(sources.map(roomOf))].sort()).toEqual(Object.keys(mayImport).sort())
  })

  it('import only the rooms that the table allows', () => {
    const wrong = crossing.filter(({ from, to }) => !mayImport[roomOf(from)]?.includes(roomOf(to)))
    expect(wrong).toEqual([])
  })

  it('are entered by their doors', () => {
    const wrong = crossing.filter(({ from, to }) => !isDoor(to) && roomOf(from) !== 'testing')
    expect(wrong).toEqual([])
  })

  it('are all told of in ARCHITECTURE.md', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    for (const room of Object.keys(mayImport)) expect(text, room).toContain(`\`${room}/\``)
  })

  it('read the clock, chance, timers, the environment and the network only where these are owned', () => {
    const owners: Readonly<Record<string, RegExp>> = {
      'Date.now': /^lib\/clock\.ts$/,
      'new Date()': /^$/,
      'Math.random': /^lib\/random\.ts$/,
      'setTimeout(': /^(lib\/clock|testing\/eventually|testing\/js-models)\.ts$/,
      'process.env': /^(cli\/main|testing\/start-test-app)\.ts$/,
      ' fetch(': /^(testing\/|client\/slipway-client\.ts$)/,
    }
    for (const path of production) {
      const code = readFileSync(join(src, path), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
      for (const [what, owner] of Object.entries(owners)) {
        if (!owner.test(path)) expect(code.includes(what), `${path} uses ${what}`).toBe(false)
      }
    }
  })

  it('decide nothing of a prediction by the time of day, which may be set', () => {
    // What the time of day tells here: when a file was changed or last used, and when a model last answered.
    const tells = /^(serving\/graph-cache\/graph-(cache|folder)|dialects\/open-inference\/statistics)\.ts$/
    const onTheWay = /^(api|dialects\/(open-inference|scoring|threads)|gateway|host|serving|tensor|delivery)\//
    const wrong = production.filter(
      (path) => onTheWay.test(path) && !tells.test(path) && readFileSync(join(src, path), 'utf8').includes('.wallMs('),
    )
    expect(wrong).toEqual([])
  })

  it('keep their files small', () => {
    const lines = production
      .map((path) => readFileSync(join(src, path), 'utf8').split('\n').length)
      .sort((a, b) => a - b)
    expect(lines[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(90)
    expect(lines[Math.floor(lines.length * 0.9)]).toBeLessThanOrEqual(300)
  })
})
