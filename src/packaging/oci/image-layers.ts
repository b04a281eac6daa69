import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { installerEnvironment } from '../../lib/index.ts'
import { gatherFolder } from '../gather-files.ts'
import type { GatheredFile } from '../gather-files.ts'
import { fileEntries, textEntry, withFolders } from './file-entries.ts'
import { imageUser } from './image-config.ts'
import { ImageLibraries } from './image-libraries.ts'
import { askInterpreter } from './python-interpreter.ts'
import { environmentEntries, pythonEntries, requireNumpy } from './python-layers.ts'
import type { PythonParts } from './python-layers.ts'
import { runtimeFiles } from './runtime-files.ts'
import { serverFiles } from './server-files.ts'
import type { TarEntry } from './tar.ts'

/** What an image with Python is made of, beside what every image is. */
export interface ImagePython {
  /** The interpreter that was named. */
  readonly python: string
  /** The user's, of which programs are given what they need. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Makes the environment of a model of what is in its folder, below a root; the path of its interpreter. */
  install(folder: string, root: string): Promise<string>
  /** Told what is being done, which may take minutes. */
  say(text: string): void
}

export interface LayerOrder {
  readonly server: { readonly root: string; readonly version: string }
  /** Folder of the package, its title, and the model's folder in it. */
  readonly package: { readonly folder: string; readonly title: string; readonly model: string }
  /** Undefined for a package that needs no Python. */
  readonly python: ImagePython | undefined
  /** A folder for what goes when the image is made. */
  readonly work: string
}

export interface ImageLayer {
  readonly title: string
  readonly entries: readonly TarEntry[]
}

/** The layers of an image, the ones that images share first. */
export async function* imageLayers(order: LayerOrder): AsyncGenerator<ImageLayer> {
  const { server, package: packaged } = order
  const native = (await serverFiles(server.root)).filter(({ path }) => /\.node$|\.so(\.\d+)*$/.test(path))
  const runtime = await runtimeFiles(native.map((file) => file.source))
  const made = order.python === undefined ? undefined : await makeEnvironment(order.python, order, runtime)
  yield { title: 'Node and its libraries', entries: await runtimeEntries(runtime) }
  if (made !== undefined)
    yield {
      title: `Python ${made.parts.interpreter.version} and its libraries`,
      entries: await pythonEntries(made.parts),
    }
  yield { title: `Slipway ${server.version}`, entries: await serverEntries(server.root) }
  if (made !== undefined)
    yield { title: 'Packages of Python', entries: await environmentEntries(made.folder, made.parts) }
  yield { title: packaged.title, entries: await fileEntries(await gatherFolder(packaged.folder), 'package') }
}

/** What may fail comes first: an interpreter that an image can hold, and an environment made of it. */
const makeEnvironment = async (
  { python, environment, install, say }: ImagePython,
  { work, package: { model } }: LayerOrder,
  runtime: readonly GatheredFile[],
): Promise<{ readonly folder: string; readonly parts: PythonParts }> => {
  await mkdir(work)
  const variables = installerEnvironment(environment, work)
  const interpreter = await askInterpreter(python, variables)
  const parts = { interpreter, libraries: new ImageLibraries(runtime), variables, work, say }
  const made = await install(model, join(work, 'environments'))
  await requireNumpy(made, parts)
  return { folder: dirname(dirname(made)), parts }
}

/** Node with its libraries, and what programs expect of a system: accounts, names of hosts, a place for temporary files. */
const runtimeEntries = async (files: readonly GatheredFile[]): Promise<TarEntry[]> =>
  withFolders([
    ...(await fileEntries(files, '')),
    textEntry(
      'etc/passwd',
      `root:x:0:0:root:/:/sbin/nologin\nslipway:x:${imageUser}:${imageUser}:slipway:/data:/sbin/nologin\n`,
    ),
    textEntry('etc/group', `root:x:0:\nslipway:x:${imageUser}:\n`),
    textEntry('etc/nsswitch.conf', 'hosts: files dns\n'),
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    // Any user may keep data there, since a volume put in its place brings an owner of its own.
    { kind: 'folder', path: 'data', mode: 0o1777 },
  ])

const serverEntries = async (root: string): Promise<TarEntry[]> => {
  const files = await serverFiles(root)
  const main = files.some(({ path }) => path === 'src/cli/main.ts') ? './src/cli/main.ts' : './dist/cli/main.js'
  const start = `import { main } from '${main}'\n\nawait main()\n`
  return withFolders([...(await fileEntries(files, 'opt/slipway')), textEntry('opt/slipway/start.mjs', start)])
}
