import { Observable } from '../observable';
import { recall, remember, type Choice } from './choice';
import { cameraConstraints, microphoneConstraints } from './constraints';
import { listDevices, noDevices, watchDevices, type Devices } from './list';
import { mayUseDevices, problemOf, type DeviceKind, type Problem } from './problem';

export interface PreviewState {
  devices: Devices;
  choice: Choice;
  streams: Partial<Record<DeviceKind, MediaStream>>;
  problems: Partial<Record<DeviceKind, Problem>>;
  asking: boolean; // the browser's question is open, probably
}

// Preview holds the camera and the microphone of somebody who is about to join.
// A device that is switched off is really off: its light goes out.
export class Preview extends Observable<PreviewState> {
  #open = false;
  #unwatch = () => {};

  constructor() {
    super({ devices: noDevices, choice: recall(), streams: {}, problems: {}, asking: false });
  }

  async start(): Promise<void> {
    this.#open = true;
    this.#unwatch = watchDevices(() => void this.#list());
    const { muted, cameraOff } = this.state.choice;
    const wanted = new Set<DeviceKind>();
    if (!muted) wanted.add('microphone');
    if (!cameraOff) wanted.add('camera');
    await this.#acquire(wanted);
  }

  stop(): void {
    this.#open = false;
    this.#unwatch();
    for (const kind of ['microphone', 'camera'] as const) this.#release(kind);
  }

  // choose sets and remembers what is to be used. Streams follow.
  async choose(patch: Partial<Choice>): Promise<void> {
    const before = this.state.choice;
    const choice = remember(patch);
    this.update({ choice });
    const again = new Set<DeviceKind>();
    if (choice.microphone !== before.microphone || choice.muted !== before.muted) again.add('microphone');
    if (choice.camera !== before.camera || choice.cameraOff !== before.cameraOff) again.add('camera');
    for (const kind of again) this.#release(kind);
    if (choice.muted) again.delete('microphone');
    if (choice.cameraOff) again.delete('camera');
    await this.#acquire(again);
  }

  retry(kinds: DeviceKind[]): Promise<void> {
    return this.#acquire(new Set(kinds));
  }

  // acquire asks for all at once, because two questions in a row are answered
  // with a sigh; only if that fails it finds out which of them is at fault.
  async #acquire(kinds: Set<DeviceKind>): Promise<void> {
    if (kinds.size > 0) {
      this.update({ asking: true });
      const failed = await this.#ask(kinds);
      if (failed !== null && kinds.size > 1) {
        for (const kind of kinds) this.#note(kind, await this.#ask(new Set([kind])));
      } else {
        for (const kind of kinds) this.#note(kind, failed);
      }
      this.update({ asking: false });
    }
    await this.#list();
  }

  async #ask(kinds: Set<DeviceKind>): Promise<Problem | null> {
    if (!mayUseDevices()) return 'insecure';
    const { microphone, camera } = this.state.choice;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: kinds.has('microphone') && microphoneConstraints(microphone),
        video: kinds.has('camera') && cameraConstraints(camera),
      });
      this.#keep('microphone', stream.getAudioTracks());
      this.#keep('camera', stream.getVideoTracks());
      return null;
    } catch (error) {
      return problemOf(error);
    }
  }

  // keep takes tracks in, unless the person went on, or switched off, meanwhile.
  #keep(kind: DeviceKind, tracks: MediaStreamTrack[]): void {
    if (tracks.length === 0) return;
    const off = kind === 'camera' ? this.state.choice.cameraOff : this.state.choice.muted;
    if (!this.#open || off) {
      for (const track of tracks) track.stop();
      return;
    }
    this.#release(kind);
    tracks[0]!.onended = () => {
      this.#release(kind);
      this.#note(kind, 'missing');
    };
    this.update({ streams: { ...this.state.streams, [kind]: new MediaStream(tracks) } });
  }

  #release(kind: DeviceKind): void {
    for (const track of this.state.streams[kind]?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.update({
      streams: { ...this.state.streams, [kind]: undefined },
      problems: { ...this.state.problems, [kind]: undefined },
    });
  }

  #note(kind: DeviceKind, problem: Problem | null): void {
    this.update({ problems: { ...this.state.problems, [kind]: problem ?? undefined } });
  }

  async #list(): Promise<void> {
    this.update({ devices: await listDevices() });
  }
}
