// Meetings made by the vendor's published SDK, as an application server would.
import {
  ChimeSDKMeetingsClient, CreateAttendeeCommand, CreateMeetingCommand, DeleteAttendeeCommand, DeleteMeetingCommand,
  UpdateAttendeeCapabilitiesCommand,
} from '@aws-sdk/client-chime-sdk-meetings';

// client is the AWS SDK with nothing changed but the endpoint.
export function client(server, options = {}) {
  return new ChimeSDKMeetingsClient({ endpoint: server.url, region: 'us-east-1', credentials: server.credentials, ...options });
}

// Meeting is one meeting with its attendees.
export class Meeting {
  static async create(server, name = 'story', input = {}, clientOptions = {}) {
    const meeting = new Meeting();
    meeting.sdk = client(server, clientOptions);
    ({ Meeting: meeting.record } = await meeting.sdk.send(new CreateMeetingCommand({
      ClientRequestToken: crypto.randomUUID(), ExternalMeetingId: name, MediaRegion: 'us-east-1', ...input,
    })));
    return meeting;
  }
  get id() { return this.record.MeetingId; }
  async attendee(ExternalUserId, input = {}) {
    const { Attendee } = await this.sdk.send(new CreateAttendeeCommand({ MeetingId: this.id, ExternalUserId, ...input }));
    return Attendee;
  }
  async remove(attendee) {
    await this.sdk.send(new DeleteAttendeeCommand({ MeetingId: this.id, AttendeeId: attendee.AttendeeId }));
  }
  async capabilities(attendee, changes) {
    const Capabilities = { Audio: 'SendReceive', Video: 'SendReceive', Content: 'SendReceive', ...changes };
    await this.sdk.send(new UpdateAttendeeCapabilitiesCommand({ MeetingId: this.id, AttendeeId: attendee.AttendeeId, Capabilities }));
  }
  async end() {
    await this.sdk.send(new DeleteMeetingCommand({ MeetingId: this.id }));
  }
  // join makes an attendee of that name and joins with its page.
  async join(browser, name, options, pageOptions) {
    const page = await browser.attendee(name, pageOptions);
    const attendee = await this.attendee(name);
    page.record = attendee;
    page.id = attendee.AttendeeId;
    await page.join(this.record, attendee, options);
    return page;
  }
}
