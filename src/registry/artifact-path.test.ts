import { posix } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requireArtifactPath } from './artifact-path.ts'

describe('paths of artifacts', () => {
  it.each([
    'model/MLmodel',
    'a',
    'a b/ü.txt',
    '50%.txt',
    '100%25/x',
    'm-0123/artifacts/.hidden',
    '...',
    'a..b/c',
    '__proto__/x',
    // As MLflow 2 names the images of a step.
    'images/k%step%0%timestamp%1795869345098%v3a76179-51ff-4f5a-a03c-7918293c748d.png',
    'images/k%step%23%timestamp%1795869345098%96b6dc6d-3199-4099-9e96-23da6655b6b2%compressed.webp',
    'images/k%step%25%timestamp%1795869345098%c0de179f-3199-4099-9e96-23da6655b6b2.png',
    'images/k%step%10%timestamp%1795869345098%5c00179f-3199-4099-9e96-23da6655b6b2.png',
    'a%00b',
  ])('takes %j', (path) => {
    expect(requireArtifactPath(path)).toBe(path)
  })

  it('takes a folder with its slash', () => {
    expect(requireArtifactPath('model/')).toBe('model')
  })

  it.each([
    '',
    '/',
    '/etc/passwd',
    '..',
    '../x',
    'a/../../x',
    'a/..',
    './a',
    'a/./b',
    'a//b',
    '%2e%2e/x',
    '%2e%2e%2fx',
    '%252e%252e%252fx',
    '%25252e%25252e/x',
    '..%5c..%5cx',
    '..\\..\\x',
    '%2e%2e%5cx',
    'C:\\Windows',
    'C:/Windows',
    'c%3a/x',
    'file:///etc/passwd',
    'file:/etc/passwd',
    'dbfs:/x',
    'http://evil.test/x',
    '%66ile:///x',
    'a#b',
    'a%23/../b',
    'a?b=..',
    'a;b/../c',
    '..%00/x',
    'a/%2Fetc%2Fpasswd',
    'a/%252Fetc%252Fpasswd',
    '%2e%00%2e/x',
    '%2500../x/%5c..%5cy',
    'a\u0000b',
    'a\nb',
    '..%c0%af..%c0%afx',
    '%c0%ae%c0%ae/x',
    '%2525252525252525252525252e%2e/x',
    'x'.repeat(256),
    'a/'.repeat(600),
  ])('refuses %j', (path) => {
    expect(() => requireArtifactPath(path)).toThrow('Invalid path')
  })

  it('never leaves its root', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '.', '/', '%', '2', 'e', 'f', '5', 'c', '\\', ':') }),
        (path) => {
          let accepted: string
          try {
            accepted = requireArtifactPath(path)
          } catch {
            return
          }
          const joined = posix.join('/root', accepted)
          expect(joined).toBe(`/root/${accepted}`)
          expect(posix.normalize(joined)).toBe(joined)
        },
      ),
    )
  })
})
