import { personName } from '../names';
import { Observable } from '../observable';
import { noticeWords } from '../words';
import type { AudioVideoFacade, DataMessage } from './chime';
import type { Notices } from './notices';

export const maxBytes = 2048; // of one data message (signaling spec 6)

const topic = 'chat';
const lifetime = 5 * 60_000; // ms for which the server keeps a message for late joiners; it allows no more

export interface Message {
  id: string;
  from: string; // AttendeeId
  name: string;
  mine: boolean;
  at: number; // ms since 1970
  text: string;
  failed: boolean;
}

export interface ChatState {
  messages: Message[];
  unread: number;
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

// Chat carries text between the people in a meeting, over data messages. The
// server gives them to everybody but their sender, and once more to whoever
// joins or comes back within their lifetime.
export class Chat extends Observable<ChatState> {
  readonly #audioVideo: AudioVideoFacade;
  readonly #self: { id: string; name: string };
  readonly #notices: Notices;
  #open = false;
  #sent = 0;

  constructor(audioVideo: AudioVideoFacade, self: { id: string; name: string }, notices: Notices) {
    super({ messages: [], unread: 0 });
    this.#audioVideo = audioVideo;
    this.#self = self;
    this.#notices = notices;
    audioVideo.realtimeSubscribeToReceiveDataMessage(topic, (message) => this.#receive(message));
  }

  send(text: string): void {
    this.#audioVideo.realtimeSendDataMessage(topic, text, lifetime);
    this.#put({
      id: `sent ${this.#sent++}`, from: this.#self.id, name: this.#self.name, mine: true, at: Date.now(), text, failed: false,
    });
  }

  // setOpen tells whether the messages can be seen, so that none counts as unread.
  setOpen(open: boolean): void {
    this.#open = open;
    if (open) this.update({ unread: 0 });
  }

  #receive(message: DataMessage): void {
    if (message.throttled) {
      this.#fail(message.text());
      return;
    }
    const id = `${message.senderAttendeeId} ${message.timestampMs}`;
    if (message.senderAttendeeId === this.#self.id) return; // it stands here since it was sent
    if (this.state.messages.some((m) => m.id === id)) return; // given once more after a reconnection
    this.#put({
      id, from: message.senderAttendeeId, name: personName(message.senderExternalUserId), mine: false,
      at: message.timestampMs, text: message.text(), failed: false,
    });
    if (!this.#open) this.update({ unread: this.state.unread + 1 });
  }

  #put(message: Message): void {
    const messages = [...this.state.messages, message].sort((a, b) => a.at - b.at);
    this.update({ messages });
  }

  // fail marks a message that the server sent back because there were too many.
  #fail(text: string): void {
    const failed = this.state.messages.findLast((m) => m.mine && !m.failed && m.text === text);
    this.#notices.add(noticeWords.chatRefused, 'bad');
    if (failed) this.update({ messages: this.state.messages.map((m) => (m === failed ? { ...m, failed: true } : m)) });
  }
}
