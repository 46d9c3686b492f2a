// What the page says when something is missing. Everything here is read by
// somebody who wants to be in a meeting, so it says what to do next.
import type { DeviceKind, Problem } from './devices/problem';
import type { End } from './meeting/connection';
import { Refusal } from './server';

export interface Words {
  title: string;
  detail: string;
}

// deviceWords names one device, or both when they have the same problem.
export function deviceWords(kinds: DeviceKind[], problem: Problem): Words {
  const both = kinds.length > 1;
  const device = kinds.join(' and ');
  switch (problem) {
    case 'denied':
      return {
        title: `The ${device} ${both ? 'are' : 'is'} blocked`,
        detail: `Allow ${both ? 'them' : 'it'} with the icon beside the address, then try again.`,
      };
    case 'missing':
      return { title: `No ${kinds.join(' or ')} found`, detail: 'Plug one in, then try again.' };
    case 'busy':
      return { title: `The ${device} ${both ? 'are' : 'is'} in use`, detail: 'Another program seems to hold it. Close that program, then try again.' };
    case 'insecure':
      return {
        title: 'This page was not opened securely',
        detail: 'Browsers allow a microphone and a camera only on addresses that begin with https://.',
      };
    case 'failed':
      return { title: `The ${device} ${both ? 'do' : 'does'} not start`, detail: 'Try another one, or unplug it and plug it in again.' };
  }
}

export const joinAnyway = 'You can join all the same, to listen, watch and write.';

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
