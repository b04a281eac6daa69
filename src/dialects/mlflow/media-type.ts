const types: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  gif: 'image/gif',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  log: 'text/plain',
  md: 'text/plain',
  pdf: 'application/pdf',
  png: 'image/png',
  py: 'text/plain',
  txt: 'text/plain',
  yaml: 'text/plain',
  yml: 'text/plain',
}

/** Names that MLflow gives to files of text. */
const plainNames = new Set(['MLmodel', 'MLproject'])

/** Media type of a file by its name; of none that a browser would run. */
export const mediaType = (name: string): string => {
  if (plainNames.has(name)) return 'text/plain'
  return types[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream'
}
