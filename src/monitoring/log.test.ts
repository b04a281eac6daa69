import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Logger } from '../lib/logger.ts'
import { silentLogger } from '../lib/logger.ts'
import { type LogOptions, openLogger } from './log.ts'

const open = (level: LogOptions['level'] = 'debug'): { logger: Logger; written: string[] } => {
  const written: string[] = []
  return { logger: openLogger({ level, write: (line) => written.push(line) }), written }
}

const only = (written: readonly string[]): Record<string, unknown> => {
  expect(written).toHaveLength(1)
  return JSON.parse(written[0] ?? '') as Record<string, unknown>
}

describe('a log line', () => {
  it('has an ISO time, level, event and the fields', () => {
    const { logger, written } = open()
    logger.warn('host.recycled', { requestId: 'r1', model: 'm', memoryBytes: 7 })
    const line = only(written)
    expect(line).toMatchObject({ level: 'warn', event: 'host.recycled', requestId: 'r1', model: 'm', memoryBytes: 7 })
    expect(new Date(String(line['time'])).toISOString()).toBe(line['time'])
  })

  it('is written from its level on', () => {
    const { logger, written } = open('warn')
    logger.debug('a')
    logger.info('b')
    logger.warn('c')
    logger.error('d')
    expect(written.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['c', 'd'])
  })

  it('is none at level silent, and none from the silent logger', () => {
    const { logger, written } = open('silent')
    logger.error('a')
    silentLogger.error('a', { model: 'm' })
    expect(written).toEqual([])
  })

  it('stays one line that reads back, whatever names clients choose', () => {
    const { logger, written } = open()
    // Lone halves of surrogate pairs among them.
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
    fc.assert(
      fc.property(fc.string({ unit }), fc.string({ unit }), (model, event) => {
        written.length = 0
        const forged = `${model}\n{"level":"error","event":"forged"}\r\n\u2028`
        logger.info(event, { model: forged })
        expect(written[0]?.match(/[\n\r]/g)).toEqual(['\n'])
        expect(written[0]?.endsWith('\n')).toBe(true)
        const line = only(written)
        expect(line['level']).toBe('info')
        expect(line['event']).toBe(event)
        expect(line['model']).toBe(forged)
      }),
    )
  })

  it('keeps its own level, time and event when fields have those names', () => {
    const { logger, written } = open()
    logger.info('real', { level: 'error', event: 'forged', time: 0 })
    expect(written[0]).not.toMatch(/"level".*"level"|"event".*"event"/)
    expect(only(written)).toMatchObject({ level: 'info', event: 'real', field_level: 'error', field_event: 'forged' })
  })

  it('tells an error with its cause', () => {
    const { logger, written } = open()
    logger.error('http.unexpected', { error: new Error('outer', { cause: new TypeError('inner') }) })
    expect(only(written)['error']).toMatchObject({
      message: 'outer',
      type: 'Error',
      cause: { message: 'inner', type: 'TypeError' },
    })
  })

  it.each([
    [{ authorization: 's3cret' }],
    [{ apiKey: 's3cret' }],
    [{ headers: { authorization: 's3cret', 'x-api-key': 's3cret' } }],
    [{ request: { headers: { Authorization: 's3cret', cookie: 's3cret' } } }],
    [{ calls: [{ 'Proxy-Authorization': 's3cret' }, { API_KEY: 's3cret' }] }],
    [{ a: { b: { c: { d: { e: { token: 's3cret' } } } } } }],
  ])('never shows the secrets of %j', (fields) => {
    const { logger, written } = open()
    logger.info('request', { ...fields, model: 'm' })
    expect(written.join('')).not.toContain('s3cret')
    expect(only(written)).toMatchObject({ model: 'm' })
  })

  it('ends though its fields hold themselves', () => {
    const { logger, written } = open()
    const fields: Record<string, unknown> = { model: 'm' }
    fields['self'] = fields
    logger.info('request', fields)
    expect(only(written)).toMatchObject({ model: 'm', self: { model: 'm' } })
  })

  it('leaves the fields that it redacts as they were', () => {
    const { logger } = open()
    const fields = { headers: { authorization: 's3cret' } }
    logger.info('request', fields)
    expect(fields).toEqual({ headers: { authorization: 's3cret' } })
  })
})
