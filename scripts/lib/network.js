/** Hosts of a test, each in a network namespace of this machine. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { findProgram, run } from './run.js';

/**
 * @typedef {object} Network
 * @property {string} client name of its namespace
 * @property {string} proxy
 * @property {string} server
 * @property {string} proxyHost where the client reaches the proxy
 * @property {string} serverHost where both reach the server
 * @property {(mtu: Mtu) => Promise<void>} setMtu 1500 on both until then
 * @property {(name: string, value: string) => Promise<void>} setSysctl in the proxy's namespace; `name`
 *   is below net/ipv4
 * @property {() => void} remove
 *
 * @typedef {object} Mtu bytes, 68 to 65,535
 * @property {number} client of the link between client and proxy
 * @property {number} server of the link between proxy and server
 */

const prefix = 'spliceway';
const ip = findProgram('ip') ?? 'ip';

/** @param {string} namespace */
function remove(namespace) {
  try {
    // Not awaited anywhere: it also runs while this process exits.
    execFileSync(ip, ['netns', 'delete', namespace], { stdio: 'ignore' });
  } catch {
    // It was never made, or is gone.
  }
}

/** A run that was killed outright could not clean up. */
function removeLeftOvers() {
  /** @returns {string[]} */
  const existing = () => {
    try {
      return readdirSync('/run/netns');
    } catch {
      return [];
    }
  };
  for (const name of existing()) {
    const pid = name.match(new RegExp(`^${prefix}-(\\d+)-`))?.[1];
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 0);
    } catch {
      remove(name);
    }
  }
}

/** @param {string} commandLine words with single spaces between them */
async function execute(commandLine) {
  const [command = '', ...args] = commandLine.split(' ');
  const { status, output } = await run(findProgram(command) ?? command, args);
  if (status !== 0) throw new Error(`${commandLine}: ${output}`);
}

/** @param {string} name @returns of its namespace */
const namespaceOf = (name) => `${prefix}-${process.pid}-${name}`;

/**
 * @param {readonly string[]} namespaces
 * @returns {Promise<() => void>} removes them, and runs by itself when this process exits
 */
async function addNamespaces(namespaces) {
  removeLeftOvers();
  const removeAll = () => {
    // The links go with their namespaces.
    for (const namespace of namespaces) remove(namespace);
    process.off('exit', removeAll);
  };
  process.on('exit', removeAll);
  try {
    for (const namespace of namespaces) {
      await execute(`ip netns add ${namespace}`);
      await execute(`ip -n ${namespace} link set lo up`);
    }
  } catch (error) {
    removeAll();
    throw error;
  }
  return removeAll;
}

/** @param {string} namespace @param {string} name below net/ipv4 @param {string} value */
async function setSysctlIn(namespace, name, value) {
  const write = `echo ${value} > /proc/sys/net/ipv4/${name}`;
  const { status, output } = await run(ip, ['netns', 'exec', namespace, 'sh', '-c', write]);
  if (status !== 0) throw new Error(`${name} cannot be set to ${value}: ${output}`);
}

/**
 * One host, with nothing but its loopback, which nobody paces: its congestion control is Reno, the only
 * one beside the machine's own that a namespace may always have.
 *
 * @returns {Promise<{ namespace: string, remove: () => void }>}
 */
export async function startUnpacedHost() {
  const namespace = namespaceOf('unpaced');
  const remove = await addNamespaces([namespace]);
  try {
    await setSysctlIn(namespace, 'tcp_congestion_control', 'reno');
  } catch (error) {
    remove();
    throw error;
  }
  return { namespace, remove };
}

/**
 * Three hosts in a row. Segments go over the links as they are: nothing splits or joins them on the way
 * (GRO, GSO and TSO are off).
 *
 * @returns {Promise<Network>}
 */
export async function startNetwork() {
  const [client, proxy, server] = [
    namespaceOf('client'),
    namespaceOf('proxy'),
    namespaceOf('server'),
  ];
  const removeAll = await addNamespaces([client, proxy, server]);

  /** @type {[namespace: string, link: string, address: string, of: keyof Mtu][]} */
  const ends = [
    [client, 'client0', '10.203.1.1/24', 'client'],
    [proxy, 'proxy0', '10.203.1.2/24', 'client'],
    [proxy, 'proxy1', '10.203.2.1/24', 'server'],
    [server, 'server0', '10.203.2.2/24', 'server'],
  ];
  /** @param {Mtu} mtu */
  const setMtu = async (mtu) => {
    for (const [namespace, link, , of] of ends) {
      await execute(`ip -n ${namespace} link set ${link} mtu ${mtu[of]}`);
    }
  };
  /** @param {string} name @param {string} value */
  const setSysctl = (name, value) => setSysctlIn(proxy, name, value);
  try {
    await execute(`ip link add client0 netns ${client} type veth peer name proxy0 netns ${proxy}`);
    await execute(`ip link add proxy1 netns ${proxy} type veth peer name server0 netns ${server}`);
    for (const [namespace, link, address] of ends) {
      const inside = `ip netns exec ${namespace} ${findProgram('ethtool')}`;
      await execute(`${inside} -K ${link} gro off gso off tso off`);
      await execute(`ip -n ${namespace} addr add ${address} dev ${link}`);
      await execute(`ip -n ${namespace} link set ${link} up`);
    }
    // For "no proxy": the host in the middle is a router then.
    await execute(`ip -n ${client} route add default via 10.203.1.2`);
    await execute(`ip -n ${server} route add default via 10.203.2.1`);
    await setSysctl('ip_forward', '1');
  } catch (error) {
    removeAll();
    throw error;
  }
  return {
    ...{ client, proxy, server },
    proxyHost: '10.203.1.2',
    serverHost: '10.203.2.2',
    ...{ setMtu, setSysctl },
    remove: removeAll,
  };
}
