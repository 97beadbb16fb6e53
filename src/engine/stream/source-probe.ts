import { createSocket } from 'node:dgram';
import type { ResolvedAddress } from '../../model/address.js';
import { errorCode } from './sockets.js';

type TcpAddress = Extract<ResolvedAddress, { kind: 'tcp' }>;

/**
 * Finds out whether this machine has an address to connect from. TCP says EADDRNOTAVAIL both for want of one and for want of
 * a port; datagrams have ports of their own, and do not lack the latter. Nothing is sent.
 *
 * @param then not called before this returns
 * @returns calls it off
 */
export function hasSourceFor(to: TcpAddress, then: (has: boolean) => void): () => void {
  const probe = createSocket(to.family === 6 ? 'udp6' : 'udp4');
  let isOver = false;
  const end = () => {
    if (!isOver) probe.close();
    isOver = true;
  };
  const answer = (has: boolean) => {
    if (isOver) return;
    end();
    then(has);
  };
  // It may also lack a descriptor, which says nothing of addresses.
  const connected = (error?: Error) =>
    answer(error === undefined || errorCode(error) !== 'EADDRNOTAVAIL');
  probe.on('error', connected);
  // Its type does not say so, but it is told of a failure as well.
  probe.connect(to.port, to.ip, connected);
  return end;
}
