// What the page says when something is missing. Everything here is read by
// somebody who wants to be in a meeting, so it says what to do next.
import type { DeviceKind, Problem } from './devices/problem';
import type { End } from './meeting/connection';
import { Refusal } from './server';

export interface Words {
  title: string;
  detail: string;
}

const deviceNames: Record<DeviceKind, string> = { microphone: 'microphone', camera: 'camera' };

export function deviceWords(kind: DeviceKind, problem: Problem): Words {
  const device = deviceNames[kind];
  switch (problem) {
    case 'denied':
      return {
        title: `The ${device} is blocked`,
        detail: `Allow it with the icon beside the address, then try again. You can also join without a ${device}.`,
      };
    case 'missing':
      return { title: `No ${device} found`, detail: `Plug one in and it appears here. You can also join without a ${device}.` };
    case 'busy':
      return { title: `The ${device} is in use`, detail: `Another program seems to hold it. Close that program and try again.` };
    case 'insecure':
      return {
        title: `The browser keeps the ${device} from this page`,
        detail: 'The address must begin with https:// (or be on this very machine). You can still join to listen and watch.',
      };
    case 'failed':
      return { title: `The ${device} does not start`, detail: 'Try another one, or unplug it and plug it in again.' };
  }
}

// insecureWords are for a page that can't even join: without a secure context
// browsers do not hand out devices, on most networks the rest works.
export const insecureWords: Words = {
  title: 'This page was not opened securely',
  detail: 'Browsers allow a microphone and a camera only on addresses that begin with https://. You can listen and watch here.',
};

export function refusalWords(refusal: unknown): Words {
  if (!(refusal instanceof Refusal)) {
    return { title: 'The page is not complete', detail: 'Some of it did not load. Reload it; the server may just have been updated.' };
  }
  switch (refusal.code) {
    case 'Unreachable':
      return { title: 'The server cannot be reached', detail: 'Check your network connection, then try again.' };
    case 'NotFound':
      return {
        title: 'There is no meeting here',
        detail: 'It has ended, or a part of the link is missing. Ask for the link again, or start another meeting.',
      };
    case 'Forbidden':
      return { title: 'You cannot start a meeting from here', detail: sentence(refusal.message) };
    case 'LimitExceeded':
      return { title: 'The meeting is full', detail: 'Nobody else can join until somebody leaves. Try again a little later.' };
    case 'Throttled':
      return { title: 'The server is busy', detail: 'Wait a moment, then try again.' };
    default:
      return { title: 'That did not work', detail: sentence(refusal.message) || 'The server did not say why. Try again.' };
  }
}

export function endWords(end: End): Words {
  switch (end) {
    case 'left':
      return { title: 'You left the meeting', detail: 'You can come back as long as it goes on.' };
    case 'ended':
      return { title: 'The meeting has ended', detail: 'It was closed for everybody.' };
    case 'removed':
      return { title: 'You were removed from the meeting', detail: 'Somebody who runs the meeting took you out of it.' };
    case 'elsewhere':
      return { title: 'You joined from another place', detail: 'The meeting goes on in another window or on another device.' };
    case 'full':
      return { title: 'The meeting is full', detail: 'Nobody else can join until somebody leaves. Try again a little later.' };
    case 'refused':
      return { title: 'This invitation is no longer good', detail: 'Join again with the meeting’s link.' };
    case 'unreachable':
      return {
        title: 'The connection could not be made',
        detail: 'Sound and pictures did not get through between you and the server. A firewall may be in the way; try again, or another network.',
      };
    case 'lost':
      return { title: 'The connection was lost', detail: 'It could not be recovered within two minutes. Check your network, then rejoin.' };
    case 'failed':
      return { title: 'Something went wrong', detail: 'The meeting stopped on this device. Rejoin to go on.' };
  }
}

export const noticeWords = {
  shareLimit: 'Two screens are shared already. Yours can follow when one of them stops.',
  shareRefused: 'The server did not accept the share. Perhaps two screens are shared already.',
  shareBlocked: 'The browser does not let this page share the screen.',
  cameraLimit: 'The meeting carries as many cameras as it can. Yours stays off.',
  microphoneUnplugged: 'Your microphone is gone. Another one is used if there is one.',
  cameraUnplugged: 'Your camera is gone.',
  chatRefused: 'The last message was not delivered: too many at once.',
  linkCopied: 'The link is copied. Who has it can join.',
  linkNotCopied: 'The link could not be copied; it is the address of this page.',
};

function sentence(text: string): string {
  return text && text[0]!.toLocaleUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
