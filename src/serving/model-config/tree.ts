/** A configuration as plain data under Triton's names; maps and lists are real ones, numbers are checked, enums are names. */
export type TreeValue = string | number | boolean | Tree | readonly TreeValue[] | ReadonlyMap<string, TreeValue>
export interface Tree {
  readonly [field: string]: TreeValue
}
