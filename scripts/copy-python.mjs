// Puts the Python programs beside what the compiler wrote; the compiler leaves out what isn't TypeScript.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './ensure-installed.mjs'

for (const folder of ['host/python', 'adapters/python-env/python', 'cli/convert/python']) {
  cpSync(join(root, 'src', folder), join(root, 'dist', folder), {
    recursive: true,
    filter: (path) => !path.endsWith('__pycache__'),
  })
}
