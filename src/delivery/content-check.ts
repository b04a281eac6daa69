/** Types nest no deeper in practice; a model's own process tells them, so this is not to be relied on. */
const depthMax = 32

/**
 * Why values of one type are not all values of another, both as MLflow writes them: as the input of a model (`strict`),
 * which refuses properties that it doesn't know, or as an output, whose readers pass over those. Undefined when they are.
 */
export const contentProblem = (wanted: unknown, given: unknown, strict: boolean): string | undefined =>
  wanted === undefined || given === undefined ? undefined : problemAt('', wanted, given, { strict, depth: 0 })

interface Look {
  readonly strict: boolean
  readonly depth: number
}

const problemAt = (path: string, wanted: unknown, given: unknown, look: Look): string | undefined => {
  const [to, from] = [fieldsOf(wanted), fieldsOf(given)]
  if (to['type'] === 'any' || look.depth > depthMax) return undefined
  if (to['type'] !== from['type'])
    return `${shown(from['type'])} where ${shown(to['type'])} is expected${placeOf(path)}`
  const inner = { ...look, depth: look.depth + 1 }
  switch (to['type']) {
    case 'array':
      return problemAt(`${path}[]`, to['items'], from['items'], inner)
    case 'map':
      return problemAt(`${path}[]`, to['values'], from['values'], inner)
    case 'object':
      return propertiesProblem(path, fieldsOf(to['properties']), fieldsOf(from['properties']), inner)
    default:
      return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>

const propertiesProblem = (path: string, wanted: Fields, given: Fields, look: Look): string | undefined => {
  for (const [name, property] of Object.entries(wanted)) {
    const place = `${path}.${name.slice(0, 100)}`
    const isThere = Object.hasOwn(given, name)
    if (isRequired(property) && !(isThere && isRequired(given[name]))) return `nothing may be there${placeOf(place)}`
    const problem = isThere ? problemAt(place, property, given[name], look) : undefined
    if (problem !== undefined) return problem
  }
  const unknown = look.strict ? Object.keys(given).find((name) => !Object.hasOwn(wanted, name)) : undefined
  return unknown === undefined ? undefined : `nothing is expected${placeOf(`${path}.${unknown.slice(0, 100)}`)}`
}

const isRequired = (property: unknown): boolean => fieldsOf(property)['required'] !== false

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})

const shown = (type: unknown): string => (typeof type === 'string' ? type.slice(0, 100) : 'a value')

const placeOf = (path: string): string => (path === '' ? '' : ` at ${path}`)
