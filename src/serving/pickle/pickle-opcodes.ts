/** How the argument of an opcode is written: bytes, a line, the two lines of a global, or bytes behind their count. */
export type Argument =
  | { readonly bytes: number }
  | { readonly line: RegExp }
  | { readonly global: true }
  | { readonly counted: 1 | 4 | 8 }

/** What a value may be, as far as it matters for what can be called with it; `any` for what isn't known. */
export type Kind = 'any' | 'callable' | 'tuple' | 'text' | 'data'

export interface Opcode {
  readonly argument: Argument
  /** What it takes from the top of the stack, deepest first; the kinds that it can't do with make its reader give up. */
  readonly takes: readonly Kind[]
  readonly gives: readonly Kind[]
  /** It needs a mark, and takes it with all that came since. */
  readonly toMark: boolean
  /** It names something to import. */
  readonly imports: boolean
  /** It calls what was imported. */
  readonly calls: boolean
}

export const codes = { proto: 0x80, mark: 0x28, pop: 0x30, stop: 0x2e } as const

const none: Argument = { bytes: 0 }
const plain = { takes: [], toMark: false, imports: false, calls: false } as const
const table = new Map<number, Opcode>()

const define = (names: string, argument: Argument, gives: readonly Kind[], more: Partial<Opcode> = {}): void => {
  for (const name of names) table.set(name.charCodeAt(0), { ...plain, argument, gives, ...more })
}

const integer = /^\s*[+-]?[\d_]+L?\s*$/

// Frames, marks, the end, and taking away.
define('\x80', { bytes: 1 }, [])
define('\x95', { bytes: 8 }, [])
define('(', none, [])
define('.', none, [], { takes: ['any'] })
define('0', none, [], { takes: ['any'] })
define('1', none, [], { toMark: true })
define('2', none, ['any', 'any'], { takes: ['any'] })
// Numbers, texts and empty containers.
define('N}]\x88\x89\x8f\x97', none, ['data'])
define(')', none, ['tuple'])
define('IL', { line: integer }, ['data'])
define('F', { line: /^\s*[+-]?(?:[\d_.]+(?:e[+-]?\d+)?|inf|nan|infinity)\s*$/i }, ['data'])
define('S', { line: /^\s*(["']).*\1\s*$/s }, ['text'])
define('V', { line: /^/ }, ['text'])
define('K', { bytes: 1 }, ['data'])
define('M', { bytes: 2 }, ['data'])
define('J', { bytes: 4 }, ['data'])
define('G', { bytes: 8 }, ['data'])
define('C\x8a', { counted: 1 }, ['data'])
define('U\x8c', { counted: 1 }, ['text'])
define('B\x8b', { counted: 4 }, ['data'])
define('TX', { counted: 4 }, ['text'])
define('\x8d', { counted: 8 }, ['text'])
define('\x8e\x96', { counted: 8 }, ['data'])
// The memory, and what is kept elsewhere. That by a line of text no reader knows.
define('g', { line: integer }, ['any'])
define('h', { bytes: 1 }, ['any'])
define('j', { bytes: 4 }, ['any'])
define('p', { line: integer }, ['any'], { takes: ['any'] })
define('q', { bytes: 1 }, ['any'], { takes: ['any'] })
define('r', { bytes: 4 }, ['any'], { takes: ['any'] })
define('\x94\x98Q', none, ['any'], { takes: ['any'] })
// Containers of what is on the stack; some change the value below the mark.
define('\x85', none, ['tuple'], { takes: ['any'] })
define('\x86', none, ['tuple'], { takes: ['any', 'any'] })
define('\x87', none, ['tuple'], { takes: ['any', 'any', 'any'] })
define('t', none, ['tuple'], { toMark: true })
define('dl\x91', none, ['data'], { toMark: true })
define('eu\x90', none, [], { toMark: true })
define('a', none, ['any'], { takes: ['any', 'any'] })
define('s', none, ['any'], { takes: ['any', 'any', 'any'] })
// Imports and calls. Numbered imports need code that gave them their numbers.
define('\x82', { bytes: 1 }, ['callable'])
define('\x83', { bytes: 2 }, ['callable'])
define('\x84', { bytes: 4 }, ['callable'])
define('c', { global: true }, ['callable'], { imports: true })
define('\x93', none, ['callable'], { takes: ['text', 'text'], imports: true })
define('R\x81', none, ['any'], { takes: ['callable', 'tuple'], calls: true })
define('\x92', none, ['any'], { takes: ['callable', 'tuple', 'any'], calls: true })
define('b', none, ['any'], { takes: ['any', 'any'], calls: true })
define('o', none, ['any'], { toMark: true, calls: true })
define('i', { global: true }, ['any'], { toMark: true, imports: true, calls: true })

/** The opcodes of all protocols of pickle, by their codes. */
export const pickleOpcodes: ReadonlyMap<number, Opcode> = table
