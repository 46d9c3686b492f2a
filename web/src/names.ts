// What people are called. The server keeps a person's name in the
// ExternalUserId as "<8 characters>#<name>", and a meeting's title as its
// ExternalMeetingId. Both allow Latin letters only; any other text arrives as
// "=" and the base64url form of its UTF-8 bytes.

const placed = /^[A-Z2-7]{8}#/;

export function personName(externalUserId: string): string {
  return decode(externalUserId.replace(placed, '')) || 'Someone';
}

export function meetingTitle(externalMeetingId: string | undefined): string {
  return decode(externalMeetingId ?? '') || 'Meeting';
}

function decode(text: string): string {
  if (!text.startsWith('=')) return text;
  try {
    const bytes = atob(text.slice(1).replaceAll('-', '+').replaceAll('_', '/'));
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
  } catch {
    return text; // made by another application, for which "=" has no meaning
  }
}

export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const first = (word: string | undefined) => (word ? [...word][0]! : '');
  const picked = words.length > 1 ? first(words[0]) + first(words[words.length - 1]) : first(words[0]);
  return picked.toLocaleUpperCase() || '?';
}

// hue gives a person a colour of their own, the same on everybody's screen.
export function hue(id: string): number {
  let sum = 0;
  for (const c of id) sum = (sum * 31 + c.codePointAt(0)!) % 360;
  return sum;
}
