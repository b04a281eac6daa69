import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../protocol/index.ts'
import type { Route } from '../../protocol/index.ts'
import { Router } from './router.ts'

const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  needs: 'model.read',
  doc: '',
  handle: () => ({ status: 200 }),
})
const router = new Router([
  route('GET', '/v2'),
  route('GET', '/v2/models/stats'),
  route('GET', '/v2/models/{model}'),
  route('POST', '/v2/models/{model}/infer'),
  route('GET', '/v2/models/{model}/stats'),
  route('GET', '/v2/models/{model}/versions/{version}'),
  route('POST', '/v2/models/{model}/versions/{version}'),
])

const found = (path: string, method = 'GET'): unknown => {
  const { route: matched, params } = router.match(method, path)
  return [matched.path, params]
}
const refusal = (path: string, method = 'GET'): AppError => {
  try {
    router.match(method, path)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  return expect.unreachable('the path was found')
}

describe('the router', () => {
  it('finds routes by path and method, with their parameters', () => {
    expect(found('/v2')).toEqual(['/v2', {}])
    expect(found('/v2/models/m/versions/3', 'POST')).toEqual([
      '/v2/models/{model}/versions/{version}',
      { model: 'm', version: '3' },
    ])
  })

  it('prefers a literal segment to a parameter', () => {
    expect(found('/v2/models/stats')).toEqual(['/v2/models/stats', {}])
    expect(found('/v2/models/statistics')).toEqual(['/v2/models/{model}', { model: 'statistics' }])
  })

  it('lets a literal that leads nowhere give way to the parameter', () => {
    expect(found('/v2/models/stats/infer', 'POST')).toEqual(['/v2/models/{model}/infer', { model: 'stats' }])
    expect(found('/v2/models/stats/stats')).toEqual(['/v2/models/{model}/stats', { model: 'stats' }])
  })

  it('tells a path that there is not from a method that there is not', () => {
    expect(refusal('/v2/nothing').code).toBe('route_not_found')
    expect(refusal('/v2/models').code).toBe('route_not_found')
    const { code, details } = refusal('/v2/models/m/versions/1', 'DELETE')
    expect([code, details['allow']]).toEqual(['method_not_allowed', 'GET, HEAD, POST'])
  })

  it('takes HEAD for GET, where there is one', () => {
    expect(found('/v2', 'HEAD')).toEqual(['/v2', {}])
    expect(refusal('/v2/models/m/infer', 'HEAD').details['allow']).toBe('POST')
  })

  it('decodes percent signs once', () => {
    expect(found('/v2/models/a%20b')).toEqual(['/v2/models/{model}', { model: 'a b' }])
    expect(found('/v2/models/%252e%252e')).toEqual(['/v2/models/{model}', { model: '%2e%2e' }])
    expect(found('/v2/models/a%2Fb')).toEqual(['/v2/models/{model}', { model: 'a/b' }])
    for (const broken of ['%', '%2', '%zz', '%ff']) expect(refusal(`/v2/models/${broken}`).code).toBe('invalid_request')
  })

  it('gives back every name that a client encodes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), (name) => {
        fc.pre(name !== 'stats')
        expect(found(`/v2/models/${encodeURIComponent(name)}/stats`)).toEqual([
          '/v2/models/{model}/stats',
          { model: name },
        ])
      }),
    )
  })

  it.each([
    '/v2/',
    '//v2',
    '/v2//models/m',
    '/V2',
    '/v2/models/',
    '/v2/models//infer',
    '/v2/./models/m',
    '/%76%32',
    '',
  ])('does not take %j for another path', (path) => {
    expect(refusal(path).code).toBe('route_not_found')
  })

  it('gives up on paths that are deeper than any', () => {
    expect(refusal('/v2/models/m'.padEnd(100_000, '/a')).code).toBe('route_not_found')
  })

  it('refuses tables with two routes for the same, or two names for the same segment', () => {
    expect(() => new Router([route('GET', '/a'), route('GET', '/a')])).toThrow('two routes for GET /a')
    expect(() => new Router([route('GET', '/a/{b}'), route('GET', '/a/{c}/d')])).toThrow('differently')
  })
})
