/** URL of a module beside the caller's, which is TypeScript in a checkout and JavaScript in the package. */
export const siblingModule = (callerUrl: string, name: string): URL =>
  new URL(`${name}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl)
