import { personName } from '../names';
import { Observable } from '../observable';
import { DefaultActiveSpeakerPolicy, type AudioVideoFacade } from './chime';

export interface Person {
  id: string; // AttendeeId
  name: string;
  self: boolean;
  muted: boolean;
  signal: number; // 0 none, 0.5 weak, 1 good
}

export interface PeopleState {
  people: Person[]; // in the order in which they were first seen
  active: string[]; // ids of who speaks, the loudest first
}

// Come tells of somebody who came or went.
export type Change = 'came' | 'left' | 'dropped';

// People is the roster. Shared screens are attendees too for the client, with
// an id that ends in "#content"; they are left out here.
export class People extends Observable<PeopleState> {
  readonly #audioVideo: AudioVideoFacade;
  readonly #self: string;
  readonly #changed: (person: Person, change: Change) => void;

  constructor(audioVideo: AudioVideoFacade, self: string, changed: (person: Person, change: Change) => void) {
    super({ people: [], active: [] });
    this.#audioVideo = audioVideo;
    this.#self = self;
    this.#changed = changed;
    audioVideo.realtimeSubscribeToAttendeeIdPresence((id, present, externalUserId, dropped) => {
      if (id.includes('#')) return;
      if (present) this.#add(id, externalUserId ?? '');
      else this.#remove(id, dropped ? 'dropped' : 'left');
    });
    audioVideo.subscribeToActiveSpeakerDetector(new DefaultActiveSpeakerPolicy(), (active) => {
      this.update({ active: active.filter((id) => !id.includes('#')) });
    });
  }

  #add(id: string, externalUserId: string): void {
    if (this.state.people.some((p) => p.id === id)) return; // back after a reconnection
    const person = { id, name: personName(externalUserId), self: id === this.#self, muted: false, signal: 1 };
    this.update({ people: [...this.state.people, person] });
    this.#audioVideo.realtimeSubscribeToVolumeIndicator(id, (_, _volume, muted, signal) => {
      this.#amend(id, { ...(muted !== null && { muted }), ...(signal !== null && { signal }) });
    });
    this.#changed(person, 'came');
  }

  #remove(id: string, change: Change): void {
    const person = this.state.people.find((p) => p.id === id);
    if (!person) return;
    this.#audioVideo.realtimeUnsubscribeFromVolumeIndicator(id);
    this.update({ people: this.state.people.filter((p) => p.id !== id), active: this.state.active.filter((a) => a !== id) });
    this.#changed(person, change);
  }

  // amend is called with every level, many times a second, and shows only changes.
  #amend(id: string, patch: Partial<Person>): void {
    const person = this.state.people.find((p) => p.id === id);
    if (!person) return;
    const next = { ...person, ...patch };
    if (next.muted === person.muted && next.signal === person.signal) return;
    this.update({ people: this.state.people.map((p) => (p.id === id ? next : p)) });
  }
}
