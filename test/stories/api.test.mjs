// The API as the vendor's published clients see it.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  BatchCreateAttendeeCommand, CreateMeetingWithAttendeesCommand, GetAttendeeCommand, GetMeetingCommand, ListAttendeesCommand,
  ListTagsForResourceCommand, TagResourceCommand, UntagResourceCommand, UpdateAttendeeCapabilitiesCommand,
} from '@aws-sdk/client-chime-sdk-meetings';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import AWS from 'aws-sdk';
import { Server } from '../lib/server.mjs';
import { client, Meeting } from '../lib/meeting.mjs';

// Covers: chime-sdk-meetings.CreateMeeting, chime-sdk-meetings.GetMeeting, chime-sdk-meetings.CreateAttendee, chime-sdk-meetings.ListAttendees, chime-sdk-meetings.DeleteAttendee, chime-sdk-meetings.DeleteMeeting
test('the AWS CLI holds a meeting\'s records', async (t) => {
  const server = await Server.start(t);
  const identity = server.aws('sts', 'get-caller-identity');
  assert.equal(identity.Account, '000000000000');
  const { Meeting: made } = server.aws('chime-sdk-meetings', 'create-meeting', '--client-request-token', 'cli-1',
    '--media-region', 'eu-central-1', '--external-meeting-id', 'cli');
  assert.equal(made.MediaRegion, 'eu-central-1');
  assert.match(made.MediaPlacement.SignalingUrl, /^ws:\/\/127\.0\.0\.1:\d+\/control\/[-0-9a-f]{36}$/);
  const { Meeting: same } = server.aws('chime-sdk-meetings', 'create-meeting', '--client-request-token', 'cli-1',
    '--media-region', 'us-east-1', '--external-meeting-id', 'other');
  assert.equal(same.MeetingId, made.MeetingId, 'one token, one meeting (meetings spec 2)');
  const { Attendee: ada } = server.aws('chime-sdk-meetings', 'create-attendee', '--meeting-id', made.MeetingId, '--external-user-id', 'ada');
  assert.match(ada.JoinToken, /^[a-zA-Z0-9+/]{98}$/);
  const { Attendees } = server.aws('chime-sdk-meetings', 'list-attendees', '--meeting-id', made.MeetingId);
  assert.deepEqual(Attendees, [ada]);
  const { Meeting: legacy } = server.aws('chime', 'get-meeting', '--meeting-id', made.MeetingId);
  assert.equal(legacy.MeetingId, made.MeetingId, 'visible in both namespaces (differences)');
  server.aws('chime-sdk-meetings', 'delete-attendee', '--meeting-id', made.MeetingId, '--attendee-id', ada.AttendeeId);
  server.aws('chime-sdk-meetings', 'delete-meeting', '--meeting-id', made.MeetingId);
  assert.throws(() => server.aws('chime-sdk-meetings', 'get-meeting', '--meeting-id', made.MeetingId),
    (e) => e.message.includes(`(NotFoundException) when calling the GetMeeting operation: Meeting <${made.MeetingId}> not found`));
  assert.throws(() => server.aws('chime-sdk-meetings', 'create-meeting', '--client-request-token', 'x y',
    '--media-region', 'us-east-1', '--external-meeting-id', 'cli'), /ValidationException.*clientRequestToken/s);
});

// Covers: chime-sdk-meetings.CreateMeetingWithAttendees, chime-sdk-meetings.BatchCreateAttendee, chime-sdk-meetings.GetAttendee, chime-sdk-meetings.UpdateAttendeeCapabilities, chime-sdk-meetings.TagResource, chime-sdk-meetings.UntagResource, chime-sdk-meetings.ListTagsForResource
test('the AWS SDK for JavaScript v3', async (t) => {
  const server = await Server.start(t);
  const sdk = client(server);
  const { Account } = await new STSClient({ endpoint: server.url, region: 'us-east-1', credentials: server.credentials }).send(new GetCallerIdentityCommand({}));
  assert.equal(Account, '000000000000');

  const { Meeting: made, Attendees, Errors } = await sdk.send(new CreateMeetingWithAttendeesCommand({
    ExternalMeetingId: 'v3', MediaRegion: 'us-west-2', Attendees: [{ ExternalUserId: 'ada' }, { ExternalUserId: 'bob' }],
    Tags: [{ Key: 'team', Value: 'red' }],
  }));
  assert.deepEqual(Attendees.map((a) => a.ExternalUserId), ['ada', 'bob']);
  assert.deepEqual(Errors ?? [], []);

  await t.test('fifty creates with one token make one meeting', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => Meeting.create(server, 'same', { ClientRequestToken: 'one-token' })));
    assert.equal(new Set(all.map((m) => m.id)).size, 1);
  });
  await t.test('batch', async () => {
    const { Attendees: more } = await sdk.send(new BatchCreateAttendeeCommand({ MeetingId: made.MeetingId, Attendees: [{ ExternalUserId: 'cid' }, { ExternalUserId: 'ada' }] }));
    assert.deepEqual(more.map((a) => a.ExternalUserId), ['cid', 'ada']);
    assert.equal(more[1].AttendeeId, Attendees[0].AttendeeId, 'an ExternalUserId is one attendee (meetings spec 3)');
  });
  await t.test('paging', async () => {
    const names = [];
    let NextToken;
    do {
      const page = await sdk.send(new ListAttendeesCommand({ MeetingId: made.MeetingId, MaxResults: 2, NextToken }));
      assert.ok(page.Attendees.length <= 2);
      names.push(...page.Attendees.map((a) => a.ExternalUserId));
      NextToken = page.NextToken;
    } while (NextToken);
    assert.deepEqual(names.sort(), ['ada', 'bob', 'cid']);
  });
  await t.test('capabilities', async () => {
    const MeetingId = made.MeetingId, AttendeeId = Attendees[1].AttendeeId;
    const Capabilities = { Audio: 'Receive', Video: 'None', Content: 'None' };
    await sdk.send(new UpdateAttendeeCapabilitiesCommand({ MeetingId, AttendeeId, Capabilities }));
    const { Attendee } = await sdk.send(new GetAttendeeCommand({ MeetingId, AttendeeId }));
    assert.deepEqual(Attendee.Capabilities, Capabilities);
    await assert.rejects(sdk.send(new UpdateAttendeeCapabilitiesCommand({ MeetingId, AttendeeId, Capabilities: { Audio: 'None', Video: 'None', Content: 'Receive' } })),
      { name: 'BadRequestException' });
  });
  await t.test('tags', async () => {
    const ResourceARN = made.MeetingArn;
    await sdk.send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: 'room', Value: '7' }] }));
    await sdk.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['team'] }));
    const { Tags } = await sdk.send(new ListTagsForResourceCommand({ ResourceARN }));
    assert.deepEqual(Tags, [{ Key: 'room', Value: '7' }]);
    await assert.rejects(sdk.send(new ListTagsForResourceCommand({ ResourceARN: ResourceARN.replace(/.{4}$/, '0000') })), { name: 'ResourceNotFoundException' });
  });
  await t.test('typed errors', async () => {
    await assert.rejects(sdk.send(new GetMeetingCommand({ MeetingId: crypto.randomUUID() })), { name: 'NotFoundException', Code: 'NotFound' });
    await assert.rejects(client(server, { credentials: { ...server.credentials, secretAccessKey: 'wrong' } }).send(new GetMeetingCommand({ MeetingId: made.MeetingId })),
      (e) => e.name === 'InvalidSignatureException' && e.$metadata.httpStatusCode === 403);
    await assert.rejects(client(server, { credentials: { ...server.credentials, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' } }).send(new GetMeetingCommand({ MeetingId: made.MeetingId })),
      { name: 'UnrecognizedClientException' });
  });
});

// Covers: chime.CreateMeeting, chime.CreateAttendee, chime.ListMeetings, chime.DeleteMeeting, chime.TagMeeting, chime.ListMeetingTags
test('the older chime namespace with the SDK for JavaScript v2', async (t) => {
  const server = await Server.start(t);
  const chime = new AWS.Chime({ endpoint: server.url, region: 'us-east-1', credentials: new AWS.Credentials(server.keys.accessKeyId, server.keys.secretAccessKey) });
  const { Meeting: made } = await chime.createMeeting({ ClientRequestToken: 'v2', ExternalMeetingId: 'v2', MediaRegion: 'us-east-1' }).promise();
  const { Attendee } = await chime.createAttendee({ MeetingId: made.MeetingId, ExternalUserId: 'ada' }).promise();
  assert.ok(Attendee.JoinToken);
  await chime.tagMeeting({ MeetingId: made.MeetingId, Tags: [{ Key: 'k', Value: 'v' }] }).promise();
  assert.deepEqual((await chime.listMeetingTags({ MeetingId: made.MeetingId }).promise()).Tags, [{ Key: 'k', Value: 'v' }]);
  const { Meetings } = await chime.listMeetings().promise();
  assert.deepEqual(Meetings.map((m) => m.MeetingId), [made.MeetingId]);
  await chime.deleteMeeting({ MeetingId: made.MeetingId }).promise();
  await assert.rejects(chime.getMeeting({ MeetingId: made.MeetingId }).promise(), { code: 'NotFound', statusCode: 404 });
  await assert.rejects(chime.listRooms({ AccountId: 'x' }).promise(), { statusCode: 501 });
});
