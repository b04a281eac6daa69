import { pythonWith } from './venv.ts'

/** Makes the interpreter with numpy that the end-to-end tests of Python models use. */
console.log(pythonWith('clients', 'requirements.txt'))
