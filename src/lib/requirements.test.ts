import { describe, expect, it } from 'vitest'
import { readRequirements } from './requirements.ts'

const read = (text: string): ReturnType<typeof readRequirements> =>
  readRequirements(text, (reason) => new Error(reason))

describe('the requirements of a model', () => {
  it.each([
    'scikit-learn==1.9.1',
    'numpy',
    'mlflow>=2.9,<4',
    'uvicorn[standard] ~= 0.30',
    'torch==2.4.0+cpu',
    'a (>=1.0)',
    'typing_extensions>=4 ; python_version < "3.11" and sys_platform == \'linux\'',
    'zope.interface != 5.*',
    `pinned==1.0 --hash=sha256:${'0a'.repeat(32)} --hash=sha256:${'1b'.repeat(32)}`,
  ])('may be a package: %s', (line) => {
    expect(read(line)).toEqual([{ kind: 'package', name: expect.stringMatching(/^[a-z0-9-]+$/), line }])
  })

  it('have comments, empty lines and continued lines', () => {
    const lines = read('# all\n\nnumpy==2.0 # fast\r\nScikit_Learn \\\n  >=1.4\n')
    expect(lines).toEqual([
      { kind: 'package', name: 'numpy', line: 'numpy==2.0' },
      { kind: 'package', name: 'scikit-learn', line: 'Scikit_Learn    >=1.4' },
    ])
  })

  it('may be a file of the model itself', () => {
    const lines = read('code/rates-1.0-py3-none-any.whl\n./wheels/a-1+x.whl')
    expect(lines.map((line) => line.kind === 'file' && line.path)).toEqual([
      'code/rates-1.0-py3-none-any.whl',
      'wheels/a-1+x.whl',
    ])
  })

  it.each([
    '-r other.txt',
    '-e .',
    '--index-url https://evil.example/simple',
    '--extra-index-url=https://evil.example',
    '--trusted-host evil.example',
    'numpy --index-url https://evil.example',
    'numpy --global-option="x"',
    'numpy ; python_version > "3" --index-url evil',
    'numpy==1 --hash=md5:00',
    'https://evil.example/a.whl',
    'git+https://evil.example/a.git',
    'numpy @ https://evil.example/numpy.whl',
    'numpy @ file:///etc/passwd',
    'file:///etc/passwd',
    '/etc/evil.whl',
    './evil.whl',
    '../evil.whl',
    'evil.whl',
    'evil.tar.gz',
    'code/../../evil.whl',
    'code/evil-1.0.tar.gz',
    'wheels/evil-1.0.zip',
    'code//../evil.whl',
    'C:\\evil.whl',
    '${HOME}/evil.whl',
    'numpy;import os',
    'numpy; os_name == "x" --index-url y:z',
    'numpy`id`',
    'numpy$(id)',
    'numpy && id',
    'numpy | id',
    'nu\0mpy',
    'ｎumpy',
    'a'.repeat(501),
    '.',
    '..',
    '~',
    '[extra]',
    '==1.0',
  ])('are refused when they are anything else: %s', (line) => {
    expect(() => read(line)).toThrow(/is an option|does not name a package|is too long/)
  })

  it('have a limit, and are read in time that grows with their length', () => {
    expect(() => read('a\n'.repeat(2001))).toThrow(/the limit is 2000/)
    const long = `a${'=='.repeat(240)}`
    const spaces = `a[${' '.repeat(490)}`
    const marks = `a;${'a in'.repeat(120)}`
    const startedAt = performance.now()
    for (const line of [long, spaces, `a ${'<'.repeat(490)}`, `a${'-_.'.repeat(160)}!`, marks])
      expect(() => read(line)).toThrow()
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})
