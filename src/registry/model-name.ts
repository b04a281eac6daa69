import { fail } from '../protocol/index.ts'
import { excerpt, limits, requireLength } from './limits.ts'
import type { Stage } from './registered-model.ts'
import { stages } from './registered-model.ts'

/** Names of registered models go into paths and references, where / and : have a meaning. */
export const requireModelName = (name: string): string => {
  if (name === '') throw fail('invalid_parameter', { reason: 'Registered model name cannot be empty.' })
  // Clients and proxies take such a segment of a path away, so that nobody would reach the model.
  if (name === '.' || name === '..')
    throw fail('invalid_parameter', {
      reason: `Invalid model name: '${name}'. Model name must not resolve to another path.`,
    })
  if (/[/:]/.test(name))
    throw fail('invalid_parameter', {
      reason: `Invalid model name: '${excerpt(name)}'. Model name cannot contain '/' or ':'.`,
    })
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name) || name !== name.trim())
    throw fail('invalid_parameter', {
      reason: `Invalid model name: '${excerpt(name)}'. It begins or ends with a space, or holds control characters.`,
    })
  return requireLength('Registered model name', name, limits.modelName)
}

export const requireAlias = (alias: string): string => {
  if (alias === '') throw fail('invalid_parameter', { reason: 'Registered model alias name cannot be empty.' })
  requireLength('Registered model alias name', alias, limits.alias)
  if (!/^[\w-]*$/.test(alias))
    throw fail('invalid_parameter', {
      reason: `Invalid alias name: '${excerpt(alias)}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    })
  if (/^latest$/i.test(alias))
    throw fail('invalid_parameter', { reason: "'latest' alias name (case insensitive) is reserved." })
  if (/^v\d+$/i.test(alias))
    throw fail('invalid_parameter', {
      reason: `Version alias name '${excerpt(alias)}' is reserved (case insensitive).`,
    })
  return alias
}

/** Versions come from callers as text. */
export const requireVersion = (version: string): number => {
  if (/^\d{1,15}$/.test(version)) return Number(version)
  throw fail('invalid_parameter', {
    reason: `Parameter 'version' must be an integer, got '${excerpt(version)}'.`,
  })
}

/** A stage in its own spelling, whatever case the caller writes. */
export const requireStage = (stage: string): Stage => {
  const found = stages.find((known) => known.toLowerCase() === stage.toLowerCase())
  if (found !== undefined) return found
  throw fail('invalid_parameter', {
    reason: `Invalid Model Version stage: ${excerpt(stage)}. Value must be one of ${stages.join(', ')}.`,
  })
}
