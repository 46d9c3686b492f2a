import type { Choice } from '../devices/choice';
import { meetingTitle, personName } from '../names';
import type { Seat } from '../server';
import { Chat } from './chat';
import { ConsoleLogger, DefaultDeviceController, DefaultMeetingSession, LogLevel, MeetingSessionConfiguration } from './chime';
import { Connection } from './connection';
import { Inputs } from './inputs';
import { Notices } from './notices';
import { People, type Change, type Person } from './people';
import { Pictures } from './pictures';
import { Sharing } from './sharing';

// A roster arrives piece by piece. Who is told of within this time was there before.
const settle = 2_000; // ms

// Meeting is one person's meeting from joining to leaving. Its parts are
// observables; nothing here knows of React.
export class Meeting {
  readonly id: string;
  readonly title: string;
  readonly self: { id: string; name: string };
  readonly notices = new Notices();
  readonly connection: Connection;
  readonly people: People;
  readonly pictures: Pictures;
  readonly inputs: Inputs;
  readonly sharing: Sharing;
  readonly chat: Chat;

  readonly #session: DefaultMeetingSession;
  readonly #devices: DefaultDeviceController;
  readonly #sound = new Audio();
  readonly #leaveWithPage = () => this.leave();
  #settledAt = Infinity;

  constructor({ Meeting, Attendee }: Seat, choice: Choice) {
    this.id = Meeting.MeetingId;
    this.title = meetingTitle(Meeting.ExternalMeetingId);
    this.self = { id: Attendee.AttendeeId, name: personName(Attendee.ExternalUserId) };
    const logger = new ConsoleLogger('Carillon', LogLevel.WARN);
    this.#devices = new DefaultDeviceController(logger);
    this.#session = new DefaultMeetingSession(new MeetingSessionConfiguration(Meeting, Attendee), logger, this.#devices);
    const { audioVideo } = this.#session;
    this.connection = new Connection(audioVideo, () => void this.#close());
    this.people = new People(audioVideo, this.self.id, (person, change) => this.#tell(person, change));
    this.pictures = new Pictures(audioVideo, this.self.id);
    this.inputs = new Inputs(audioVideo, this.notices, choice);
    this.sharing = new Sharing(audioVideo, this.notices, () => this.pictures.state.screens.length);
    this.chat = new Chat(audioVideo, this.self, this.notices);
  }

  // join never fails; how it went is told by the connection.
  async join(): Promise<void> {
    // Without this the others would see a frozen picture until the server notices.
    window.addEventListener('pagehide', this.#leaveWithPage);
    document.body.append(this.#sound); // some browsers play nothing that isn't in the page
    let begun = false;
    this.connection.subscribe(() => {
      const { phase } = this.connection.state;
      if (phase === 'joined') this.#settledAt = Date.now() + settle;
      if (phase === 'recovering') this.#settledAt = Infinity;
      if (phase !== 'joined' || begun) return;
      begun = true;
      void this.inputs.begin();
    });
    try {
      await this.inputs.prepare(this.#sound);
      if (this.connection.state.phase !== 'over') this.#session.audioVideo.start();
    } catch (error) {
      console.error(error);
      this.connection.finish('failed');
    }
  }

  leave(): void {
    this.connection.finish('left');
  }

  #tell(person: Person, change: Change): void {
    if (person.self || Date.now() < this.#settledAt) return;
    const verb = { came: 'joined', left: 'left', dropped: 'lost the connection' }[change];
    this.notices.add(`${person.name} ${verb}`);
  }

  async #close(): Promise<void> {
    window.removeEventListener('pagehide', this.#leaveWithPage);
    const { audioVideo } = this.#session;
    this.sharing.stop();
    audioVideo.stop();
    audioVideo.unbindAudioElement();
    this.#sound.remove();
    await this.inputs.end();
    await this.#devices.destroy();
  }
}
