/** A package that can't be made or used, with every problem that was found. */
export class PackagingError extends Error {
  override name = 'PackagingError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}
