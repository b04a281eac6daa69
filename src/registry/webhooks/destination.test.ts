import { describe, expect, it } from 'vitest'
import { mayConnect, parseAllowed, parseDestination, requireReachable } from './destination.ts'

const none = parseAllowed([])
const publicHost = (): Promise<readonly string[]> => Promise.resolve(['93.184.215.14'])

/** What creating a webhook does with a URL. */
const check = (
  url: string,
  {
    allow = none,
    resolve = (host: string) => (/[a-z]/.test(host) && !host.includes(':') ? publicHost() : Promise.resolve([host])),
  } = {},
): Promise<void> => Promise.resolve().then(() => requireReachable(parseDestination(url, allow), allow, resolve))

describe('the URL of a webhook', () => {
  it.each([
    'https://hooks.example.com/a?b=c#d',
    'https://hooks.example.com:8443/a',
    'https://hooks.example.com.:443/',
    'https://8.8.8.8/',
    'https://[2606:4700::6810:84e5]/',
    'HTTPS://Hooks.Example.COM/',
  ])('may be %s', async (url) => {
    await expect(check(url)).resolves.toBeUndefined()
  })

  it.each([
    // Loopback, in every way to write it.
    ['https://127.0.0.1/', 'non-public'],
    ['https://127.1/', 'non-public'],
    ['https://2130706433/', 'non-public'],
    ['https://0x7f000001/', 'non-public'],
    ['https://0177.0.0.1/', 'non-public'],
    ['https://127.0.0.1./', 'non-public'],
    ['https://１２７.0.0.1/', 'non-public'],
    ['https://0.0.0.0/', 'non-public'],
    ['https://[::1]/', 'non-public'],
    ['https://[::]/', 'non-public'],
    // Addresses of IPv4 within IPv6.
    ['https://[::ffff:127.0.0.1]/', 'non-public'],
    ['https://[::ffff:7f00:1]/', 'non-public'],
    ['https://[::ffff:8.8.8.8]/', 'non-public'],
    ['https://[::127.0.0.1]/', 'non-public'],
    ['https://[64:ff9b::127.0.0.1]/', 'non-public'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'non-public'],
    ['https://[2002:7f00:1::]/', 'non-public'],
    ['https://[2001:0:7f00:1::]/', 'non-public'],
    // Metadata of clouds.
    ['https://169.254.169.254/latest/meta-data/', 'non-public'],
    ['https://[fd00:ec2::254]/', 'non-public'],
    ['https://100.100.100.200/', 'non-public'],
    ['https://168.63.129.16/', 'non-public'],
    ['https://192.0.0.192/', 'non-public'],
    // Private, shared, link-local, multicast, reserved.
    ['https://10.1.2.3/', 'non-public'],
    ['https://172.31.255.255/', 'non-public'],
    ['https://192.168.0.1/', 'non-public'],
    ['https://100.64.0.1/', 'non-public'],
    ['https://224.0.0.1/', 'non-public'],
    ['https://255.255.255.255/', 'non-public'],
    ['https://[fe80::1]/', 'non-public'],
    ['https://[fc00::1]/', 'non-public'],
    ['https://[ff02::1]/', 'non-public'],
    ['https://[2001:db8::1]/', 'non-public'],
    // Schemes.
    ['http://hooks.example.com/', 'Invalid webhook URL scheme'],
    ['http://169.254.169.254/', 'Invalid webhook URL scheme'],
    ['file:///etc/passwd', 'Invalid webhook URL scheme'],
    ['gopher://127.0.0.1:6379/_FLUSHALL', 'Invalid webhook URL scheme'],
    ['ftp://hooks.example.com/', 'Invalid webhook URL scheme'],
    ['data:text/plain,x', 'Invalid webhook URL scheme'],
    ['hooks.example.com', 'Invalid webhook URL scheme'],
    ['//hooks.example.com', 'Invalid webhook URL scheme'],
    // Credentials, and what stands where they would.
    ['https://user:password@hooks.example.com/', 'user name or password'],
    ['https://hooks.example.com@127.0.0.1/', 'user name or password'],
    ['https://hooks.example.com%20@127.0.0.1/', 'user name or password'],
    ['https://127.0.0.1#@hooks.example.com/', 'non-public'],
    ['https://hooks.example.com\\@127.0.0.1/', 'Invalid webhook URL'],
    ['https:/\\127.0.0.1/', 'Invalid webhook URL'],
    ['https:///127.0.0.1/', 'must include a hostname'],
    ['https:127.0.0.1', 'must include a hostname'],
    ['https://', 'must include a hostname'],
    ['https://hooks.exa\nmple.com/', 'Invalid webhook URL'],
    ['https://hooks.example.com/\r\nX-Injected: 1', 'Invalid webhook URL'],
    [' https://hooks.example.com/', 'Invalid webhook URL'],
    ['   ', 'empty or just whitespace'],
    ['https://[::1', 'Invalid webhook URL'],
    ['https://[fe80::1%25eth0]/', 'Invalid webhook URL'],
    ['https://hooks.example.com:99999/', 'Invalid webhook URL'],
    [`https://hooks.example.com/${'a'.repeat(2048)}`, '2048 are allowed'],
    // Ports of other protocols.
    ['https://hooks.example.com:22/', 'port 22'],
    ['https://hooks.example.com:25/', 'port 25'],
    ['https://hooks.example.com:80/', 'port 80'],
    ['https://hooks.example.com:6379/', 'port 6379'],
    ['https://hooks.example.com:11211/', 'port 11211'],
    ['https://hooks.example.com:0/', 'port 0'],
  ])('may not be %s', async (url, reason) => {
    await expect(check(url)).rejects.toMatchObject({
      code: 'invalid_parameter',
      message: expect.stringContaining(reason),
    })
  })

  it('must have a host whose every address is public', async () => {
    const url = 'https://hooks.example.com/'
    const to = (...addresses: readonly string[]) => ({ resolve: () => Promise.resolve(addresses) })
    await expect(check(url, to('8.8.8.8', '10.0.0.1'))).rejects.toThrow("'hooks.example.com' resolves to 10.0.0.1")
    await expect(check(url, to('8.8.8.8', '::1'))).rejects.toThrow('non-public')
    await expect(check(url, to('fe80::1%eth0'))).rejects.toThrow('non-public')
    await expect(check(url, to('64:ff9b::808:808'))).resolves.toBeUndefined()
    const resolve = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'))
    await expect(check(url, { resolve })).rejects.toThrow("Cannot resolve Webhook URL hostname 'hooks.example.com'")
  })
})

describe('the list of allowed receivers', () => {
  const allow = parseAllowed(['10.0.0.0/8', 'ci.internal', '127.0.0.1', 'fd00::/8', '8.8.8.8'])

  it.each([
    'http://127.0.0.1:9000/',
    'http://0x7f000001/',
    'https://10.2.3.4:25/',
    'http://ci.internal:6379/',
    'http://CI.internal./',
    'http://[fd00::1]/',
    'http://8.8.8.8/',
  ])('lets %s in', async (url) => {
    await expect(check(url, { allow })).resolves.toBeUndefined()
  })

  it.each([
    'http://127.0.0.2/',
    'https://192.168.0.1/',
    'http://ci.internal.example.com/',
    'http://xci.internal/',
    'http://user@ci.internal/',
    'file://ci.internal/etc/passwd',
    'http://[::ffff:127.0.0.1]/',
  ])('keeps %s out', async (url) => {
    await expect(check(url, { allow })).rejects.toMatchObject({ code: 'invalid_parameter' })
  })

  it('lets http go to a host only as long as all its addresses are listed', async () => {
    const url = 'http://hooks.example.com/'
    const to = (...addresses: readonly string[]) => ({ allow, resolve: () => Promise.resolve(addresses) })
    await expect(check(url, to('10.0.0.1'))).resolves.toBeUndefined()
    await expect(check(url, to('10.0.0.1', '93.184.215.14'))).rejects.toThrow('Invalid webhook URL scheme')
    const may = mayConnect(parseDestination(url, allow), allow)
    expect(['10.0.0.1', '93.184.215.14', '192.168.0.1', 'nonsense'].map(may)).toEqual([true, false, false, false])
    const secure = mayConnect(parseDestination('https://hooks.example.com/', allow), allow)
    expect(['10.0.0.1', '93.184.215.14', '192.168.0.1', '::ffff:10.0.0.1'].map(secure)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it.each(['10.0.0.0/33', '10.0.0', '1.2.3.4/8/9', 'http://ci', 'a b', '', '*.internal', 'ci:80', '-x'])(
    'refuses %j',
    (entry) => {
      expect(() => parseAllowed([entry])).toThrow('registry.webhooks.allow')
    },
  )
})
