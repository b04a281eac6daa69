import type { Column, ModelSchema, ModelSignature, TensorSpec, ValueType } from './model-signature.ts'

/** Conversions that lose nothing and that MLflow does to inputs by itself: a target with the types that it takes. */
const widens: Readonly<Record<string, readonly string[]>> = { long: ['integer'], double: ['integer', 'float'] }

/** What becomes of properties that an object's type doesn't have: models refuse them, those who read answers don't look. */
type Extras = 'refused' | 'ignored'

/** Whether a value of type `given` can be used wherever `wanted` is asked for. */
export const accepts = (wanted: ValueType, given: ValueType, extras: Extras = 'refused'): boolean => {
  if (wanted.kind === 'any') return true
  if (wanted.kind === 'scalar')
    return (
      given.kind === 'scalar' &&
      (wanted.name === given.name ||
        (Object.hasOwn(widens, wanted.name) && widens[wanted.name]?.includes(given.name) === true))
    )
  if (wanted.kind === 'array') return given.kind === 'array' && accepts(wanted.items, given.items, extras)
  if (wanted.kind === 'map') return given.kind === 'map' && accepts(wanted.values, given.values, extras)
  if (given.kind !== 'object') return false
  const known = new Map(wanted.properties.map((property) => [property.name, property]))
  const sent = new Map(given.properties.map((property) => [property.name, property]))
  return (
    given.properties.every(({ name, type }) => {
      const property = known.get(name)
      return property === undefined ? extras === 'ignored' : accepts(property.type, type, extras)
    }) && wanted.properties.every(({ name, required }) => !required || sent.get(name)?.required === true)
  )
}

/** A type as MLflow's own messages write it. */
const typeText = (type: ValueType): string => {
  if (type.kind === 'scalar') return type.name
  if (type.kind === 'any') return 'any'
  if (type.kind === 'array') return `array<${typeText(type.items)}>`
  if (type.kind === 'map') return `map<${typeText(type.values)}>`
  return `object{${type.properties.map((each) => `${each.name}${each.required ? '' : '?'}: ${typeText(each.type)}`).join(', ')}}`
}

const isNamed = (parts: readonly { readonly name: string | undefined }[]): boolean =>
  parts.length > 0 && parts.every(({ name }) => name !== undefined)

/** Pairs what one side asks for with what the other has, by name or by place. */
const paired = <T extends { readonly name: string | undefined }>(
  wanted: readonly T[],
  given: readonly T[],
): { readonly label: string; readonly want: T; readonly have: T | undefined }[] => {
  const byName = new Map(given.map((part) => [part.name, part]))
  const named = isNamed(wanted)
  return wanted.map((want, index) => ({
    label: named ? `'${want.name}'` : `number ${index + 1}`,
    want,
    have: named ? byName.get(want.name) : given[index],
  }))
}

interface Words {
  /** `input` or `output`. */
  readonly what: string
  /** What is said of a part that isn't there. */
  readonly missing: string
  readonly extras: Extras
}

const columnProblems = (
  wanted: readonly Column[],
  given: readonly Column[],
  { what, missing, extras }: Words,
): string[] =>
  paired(wanted, given).flatMap(({ label, want, have }) => {
    if (have === undefined) return want.required ? [`${what} ${label} ${missing}`] : []
    if (!accepts(want.type, have.type, extras))
      return [`${what} ${label}: ${typeText(have.type)} doesn't fit ${typeText(want.type)}`]
    return want.required && !have.required ? [`${what} ${label} may be left out on the one side, not on the other`] : []
  })

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`

const tensorProblems = (
  wanted: readonly TensorSpec[],
  given: readonly TensorSpec[],
  { what, missing }: Words,
): string[] =>
  paired(wanted, given).flatMap(({ label, want, have }) => {
    if (have === undefined) return [`${what} ${label} ${missing}`]
    if (want.dtype !== have.dtype) return [`${what} ${label}: ${have.dtype} doesn't fit ${want.dtype}`]
    const fits =
      want.shape.length === have.shape.length &&
      want.shape.every((size, index) => size === -1 || size === have.shape[index])
    return fits ? [] : [`${what} ${label}: shape ${shapeText(have.shape)} doesn't fit ${shapeText(want.shape)}`]
  })

/** Why values of schema `given` can't be used where `wanted` is asked for; empty when they can. */
const schemaProblems = (wanted: ModelSchema, given: ModelSchema, words: Words): string[] => {
  const { what } = words
  const wantedParts = wanted.kind === 'columns' ? wanted.columns : wanted.tensors
  const givenParts = given.kind === 'columns' ? given.columns : given.tensors
  if (wanted.kind !== given.kind) return [`its ${what}s are ${wanted.kind} on one side only`]
  if (wantedParts.length > 0 && isNamed(wantedParts) !== isNamed(givenParts))
    return [`its ${what}s have names on one side only`]
  if (wanted.kind === 'columns')
    return columnProblems(wanted.columns, given.kind === 'columns' ? given.columns : [], words)
  return tensorProblems(wanted.tensors, given.kind === 'tensors' ? given.tensors : [], words)
}

/**
 * Why callers of the incumbent could not go on with the candidate, with MLflow's rules for enforcing signatures; empty
 * when they can. What they send must still be accepted: no new required input, no narrower type, params likewise. Inputs
 * and params that the candidate doesn't know are ignored by it, as MLflow does. And what they read must still be there:
 * no output gone, none of a wider type; new outputs are allowed. What the incumbent's signature doesn't tell can't be
 * compared, and is let pass.
 */
export const signatureProblems = (candidate: ModelSignature, incumbent: ModelSignature): string[] => {
  const problems: string[] = []
  if (incumbent.inputs !== undefined && candidate.inputs !== undefined)
    problems.push(
      ...schemaProblems(candidate.inputs, incumbent.inputs, {
        what: 'input',
        missing: 'is required, and is new',
        extras: 'refused',
      }),
    )
  if (incumbent.outputs !== undefined) {
    if (candidate.outputs === undefined) problems.push('it no longer says what its outputs are')
    else
      problems.push(
        ...schemaProblems(incumbent.outputs, candidate.outputs, {
          what: 'output',
          missing: 'is gone',
          extras: 'ignored',
        }),
      )
  }
  const params = new Map(candidate.params.map((param) => [param.name, param]))
  for (const sent of incumbent.params) {
    const known = params.get(sent.name)
    if (known === undefined) continue
    if (known.isList !== sent.isList || !accepts(known.type, sent.type))
      problems.push(`param '${sent.name}': ${typeText(sent.type)} doesn't fit ${typeText(known.type)}`)
  }
  return problems
}
