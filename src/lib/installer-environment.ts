import { existsSync } from 'node:fs'
import { join } from 'node:path'

type Variables = Readonly<Record<string, string | undefined>>

/** What a program needs to run at all. */
const needed = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH', 'SYSTEMROOT']

/** How the installer reaches an index: which one, by which proxy, trusting whom, and where it keeps what it fetched. */
const reaching =
  /^(?:PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY|DEFAULT_TIMEOUT|TIMEOUT|RETRIES|CONFIG_FILE|CACHE_DIR|NO_CACHE_DIR)|(?:https?|all|no)_proxy|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE)$/i

/**
 * The whole environment of what installs Python packages. Nothing of the caller's comes with it but what a program
 * needs and how the index is reached, which is the operator's own choice and may hold the index's password. Its home is
 * a folder of its own, so that the operator's configuration and cache of pip are named.
 */
export const installerEnvironment = (variables: Variables, home: string): Record<string, string> => {
  const passed = Object.entries(variables).filter(([name]) => needed.includes(name) || reaching.test(name))
  return definedOnly({
    PIP_CONFIG_FILE: configurationOf(variables),
    PIP_CACHE_DIR: cacheOf(variables),
    ...Object.fromEntries(passed),
    HOME: home,
  })
}

/** The file of settings that pip would find below the operator's home. */
const configurationOf = ({ HOME: home, XDG_CONFIG_HOME: settings }: Variables): string | undefined => {
  const below = home === undefined ? [] : [['.config', 'pip'], ['Library', 'Application Support', 'pip'], ['.pip']]
  const folders = below.map((names) => join(home ?? '', ...names))
  if (settings !== undefined) folders.unshift(join(settings, 'pip'))
  return folders.map((folder) => join(folder, 'pip.conf')).find((file) => existsSync(file))
}

const cacheOf = ({ HOME: home, XDG_CACHE_HOME: cache }: Variables): string | undefined => {
  if (cache !== undefined) return join(cache, 'pip')
  return home === undefined ? undefined : join(home, '.cache', 'pip')
}

const definedOnly = (variables: Variables): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
