// Puts the program of Python model hosts beside what the compiler wrote; the compiler leaves out what isn't TypeScript.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './ensure-installed.mjs'

cpSync(join(root, 'src/host/python'), join(root, 'dist/host/python'), {
  recursive: true,
  filter: (path) => !path.endsWith('__pycache__'),
})
