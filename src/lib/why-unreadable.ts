const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'it is a link to itself',
}

/** Why a file can't be read, for people: by the code of the system's error, or its message. */
export const whyUnreadable = (error: unknown): string => {
  const { code = '', message = String(error) } = error as { readonly code?: string; readonly message?: string }
  return reasons[code] ?? message
}
