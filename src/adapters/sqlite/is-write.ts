/** Whether a statement changes anything: all but SELECT, and WITH whose statement is a SELECT. */
export const isWrite = (sql: string): boolean => {
  const [first = ''] = /[a-z]+/i.exec(sql) ?? []
  if (/^(select|values|explain)$/i.test(first)) return false
  return !/^with$/i.test(first) || /\b(insert|update|delete)\b/i.test(sql)
}
