import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Serving } from './appending.ts';
import { streamDeleted, unknown } from './errors.ts';
import { nameOf, uuidOf } from './messages.ts';
import { refusal } from './refusal.ts';

type Removal = streams.DeleteReq | streams.TombstoneReq;

/** Deleting a stream: `forEver` leaves a tombstone, otherwise it may begin again behind its old end. */
export const remove =
  <Request extends Removal, Response>({ log, faults }: Serving, forEver: boolean, response: () => Response) =>
  (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    const refused = refusal(faults, call.metadata);
    const stream = nameOf(call.request.getOptions()?.getStreamIdentifier());
    const gone = log.stream(stream) === 'deleted' ? streamDeleted(stream) : null;
    const problem = refused ?? gone;
    if (problem === null) log.remove(stream, forEver);
    answer(problem, response());
  };

export const deleted = (): streams.DeleteResp => new streams.DeleteResp().setNoPosition(new shared.Empty());
export const tombstoned = (): streams.TombstoneResp => new streams.TombstoneResp().setNoPosition(new shared.Empty());

const supported: readonly (readonly [service: string, method: string])[] = [
  ['event_store.client.streams.streams', 'append'],
  ['event_store.client.streams.streams', 'batchappend'],
  ['event_store.client.streams.streams', 'read'],
  ['event_store.client.streams.streams', 'delete'],
  ['event_store.client.streams.streams', 'tombstone'],
  ['event_store.client.gossip.gossip', 'read'],
];

export const supportedMethods =
  ({ faults }: Serving) =>
  (_: ServerUnaryCall<shared.Empty, features.SupportedMethods>, answer: sendUnaryData<features.SupportedMethods>) => {
    if (faults.starting) return answer(unknown('Server Is Not Ready'));
    const methods = supported.map(([service, method]) =>
      new features.SupportedMethod().setServiceName(service).setMethodName(method),
    );
    answer(null, new features.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion('double'));
  };

export type Address = { readonly address: string; readonly port: number };

/** A cluster of one leader, and of itself as a follower where it has another leader. */
export const clusterMembers =
  ({ faults }: Serving, self: () => Address) =>
  (_: ServerUnaryCall<shared.Empty, gossip.ClusterInfo>, answer: sendUnaryData<gossip.ClusterInfo>) => {
    const { VNodeState: state } = gossip.MemberInfo;
    const member = ({ address, port }: Address, role: gossip.MemberInfo.VNodeState) =>
      new gossip.MemberInfo()
        .setInstanceId(uuidOf('00000000-0000-4000-8000-000000000001'))
        .setIsAlive(true)
        .setState(faults.starting ? state.INITIALIZING : role)
        .setHttpEndPoint(new gossip.EndPoint().setAddress(address).setPort(port));
    const members =
      faults.leader === null
        ? [member(self(), state.LEADER)]
        : [member(self(), state.FOLLOWER), member(faults.leader, state.LEADER)];
    answer(null, new gossip.ClusterInfo().setMembersList(members));
  };
