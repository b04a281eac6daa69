import { createWriteStream } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { withTemporaryFolder } from '../../lib/index.ts'
import { gatherFolder } from '../gather-files.ts'
import type { ModelSpec } from '../model-spec.ts'
import { PackagingError } from '../packaging-error.ts'
import type { WrittenPackage } from '../write-package.ts'
import { fileEntries, textEntry, withFolders } from './file-entries.ts'
import { imageArchitecture, imageConfig, imageUser } from './image-config.ts'
import { OciBlobs } from './oci-blobs.ts'
import type { Descriptor, Layer } from './oci-blobs.ts'
import { runtimeFiles } from './runtime-files.ts'
import { serverFiles } from './server-files.ts'
import type { TarEntry } from './tar.ts'
import { tar } from './tar.ts'

export interface ImageOrder {
  readonly spec: ModelSpec
  /** Folder of the package. */
  readonly package: string
  readonly written: WrittenPackage
  /** A folder for the layout, or a file ending in .tar for an archive of it. */
  readonly output: string
  /** The server that goes into the image. */
  readonly server: { readonly root: string; readonly version: string }
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const configType = 'application/vnd.oci.image.config.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'

/**
 * Writes an image in the OCI's layout that holds everything: Node with its libraries, the server, the package. It runs
 * on machines like this one, and answers the digest that registries will know it by.
 */
export const writeImage = async (order: ImageOrder): Promise<string> => {
  if (process.platform !== 'linux')
    throw new PackagingError(['images are made on Linux: they get Node and its libraries from the machine'])
  if (order.written.needsPython)
    throw new PackagingError([
      'an image has no Python: this package runs where an interpreter is, by slipway up --package',
    ])
  const output = resolve(order.output)
  await mkdir(dirname(output), { recursive: true })
  return withTemporaryFolder(join(dirname(output), `.${basename(output)}-`), async (made) => {
    const layout = join(made, 'layout')
    const digest = await writeLayout(order, layout)
    if (output.endsWith('.tar')) {
      const entries = await fileEntries(await gatherFolder(layout), '')
      await pipeline(Readable.from(tar(entries)), createWriteStream(join(made, 'image.tar')))
      await rename(join(made, 'image.tar'), output)
    } else {
      await requireFree(output, layout)
    }
    return digest
  })
}

const requireFree = async (output: string, layout: string): Promise<void> => {
  try {
    await rename(layout, output)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) throw error
    throw new PackagingError([`'${output}' is there already; name another folder for the image`])
  }
}

const writeLayout = async (order: ImageOrder, layout: string): Promise<string> => {
  const blobs = new OciBlobs(layout)
  const layers: Layer[] = []
  for (const entries of [
    await runtimeEntries(order.server.root),
    await serverEntries(order.server.root),
    await packageEntries(order.package),
  ])
    layers.push(await blobs.layer(entries))
  const { spec, written } = order
  const config = await blobs.json(
    configType,
    imageConfig({
      spec,
      manifest: written.manifest,
      digest: written.digest,
      serverVersion: order.server.version,
      diffIds: layers.map((layer) => layer.diffId),
    }),
  )
  const manifest = await blobs.json(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers: layers.map((layer) => layer.descriptor),
    annotations: { 'org.opencontainers.image.title': written.manifest.name },
  })
  await writeFile(
    join(layout, 'index.json'),
    indexText(manifest, `${written.manifest.name}:${written.manifest.version}`),
  )
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return manifest.digest
}

const indexText = (manifest: Descriptor, name: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      {
        ...manifest,
        platform: { architecture: imageArchitecture(), os: 'linux' },
        annotations: { 'org.opencontainers.image.ref.name': name },
      },
    ],
  })

/** Node with its libraries, and what programs expect of a system: accounts, names of hosts, a place for temporary files. */
const runtimeEntries = async (root: string): Promise<TarEntry[]> => {
  const native = (await serverFiles(root)).filter(({ path }) => /\.node$|\.so(\.\d+)*$/.test(path))
  const files = await runtimeFiles(native.map((file) => file.source))
  return withFolders([
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
}

const serverEntries = async (root: string): Promise<TarEntry[]> => {
  const files = await serverFiles(root)
  const main = files.some(({ path }) => path === 'src/cli/main.ts') ? './src/cli/main.ts' : './dist/cli/main.js'
  const start = `import { main } from '${main}'\n\nawait main()\n`
  return withFolders([...(await fileEntries(files, 'opt/slipway')), textEntry('opt/slipway/start.mjs', start)])
}

const packageEntries = async (folder: string): Promise<TarEntry[]> => fileEntries(await gatherFolder(folder), 'package')
