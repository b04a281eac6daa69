import { describe, expect, it } from 'vitest'
import { AppError } from '../../protocol/index.ts'
import { hostGuard } from './host-guard.ts'

const verdict = (
  { listenHost = '127.0.0.1', allowedHosts = [] as readonly string[] },
  host: string | undefined,
  origin?: string,
): string => {
  try {
    hostGuard({ listenHost, allowedHosts })(host, origin)
    return 'passes'
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

describe('the Host header at a server on loopback', () => {
  it.each([
    'localhost',
    'LocalHost:8080',
    '127.0.0.1',
    '127.0.0.1:8080',
    '127.9.9.9',
    '[::1]',
    '[::1]:8080',
    'app.localhost',
  ])('passes as %s', (host) => {
    expect(verdict({}, host)).toBe('passes')
  })

  it.each([
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'notlocalhost',
    '10.0.0.1',
    '[::2]:8080',
    '127.0.0.1@evil.example',
    '[::1',
    '',
  ])('is refused as %j, which a name rebound to this machine may be', (host) => {
    expect(verdict({}, host)).toBe('forbidden_host')
  })

  it('passes by a listed name, in any case', () => {
    expect(verdict({ allowedHosts: ['Models.Example'] }, 'models.EXAMPLE:80')).toBe('passes')
    expect(verdict({ allowedHosts: ['models.example'] }, 'other.example')).toBe('forbidden_host')
  })

  it('is checked however the address is written', () => {
    expect(verdict({ listenHost: 'LOCALHOST' }, 'evil.example')).toBe('forbidden_host')
  })

  it('is checked again after a good one', () => {
    const guard = hostGuard({ listenHost: 'localhost', allowedHosts: [] })
    guard('localhost', undefined)
    expect(() => guard('evil.example', undefined)).toThrow(AppError)
    guard('localhost', undefined)
    expect(() => guard('evil.example', undefined)).toThrow(AppError)
  })
})

describe('the Host header at a server on another address', () => {
  it('may be any name, unless names are listed', () => {
    expect(verdict({ listenHost: '0.0.0.0' }, 'any.example')).toBe('passes')
    expect(verdict({ listenHost: '0.0.0.0', allowedHosts: ['a.example'] }, 'any.example')).toBe('forbidden_host')
    expect(verdict({ listenHost: '10.0.0.1', allowedHosts: ['a.example'] }, '10.0.0.1:8080')).toBe('passes')
  })
})

describe('the Origin header', () => {
  it.each(['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:1', 'http://localhost:8080'])(
    'of a page on this machine passes: %s',
    (origin) => {
      expect(verdict({}, 'localhost:8080', origin)).toBe('passes')
    },
  )

  it.each([
    'http://evil.example',
    'https://localhost.evil.example',
    'null',
    '',
    'file://',
    'http://127.0.0.1.evil.example',
  ])('of another site is refused: %j', (origin) => {
    for (const listenHost of ['127.0.0.1', '0.0.0.0'])
      expect(verdict({ listenHost }, 'localhost:8080', origin)).toBe('forbidden_origin')
  })

  it('of the same site passes', () => {
    expect(verdict({ listenHost: '0.0.0.0' }, 'models.example:8080', 'http://models.example:8080')).toBe('passes')
    expect(verdict({ listenHost: '0.0.0.0' }, 'models.example:8080', 'http://models.example:9090')).toBe(
      'forbidden_origin',
    )
  })

  it('of a rebound name does not help its Host', () => {
    expect(verdict({}, 'evil.example', 'http://evil.example')).toBe('forbidden_host')
  })
})
