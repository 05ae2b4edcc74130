/** Who is on call, as the pager tells it. Pure types. */

/** How somebody can be reached. The address of a push notification is a device's, and is left out. */
export interface ContactMethod {
  kind: 'phone' | 'sms' | 'email' | 'push' | 'other';
  label: string;
  address: string | null;
}

/** Somebody who is on call now. */
export interface OnCallPerson {
  /** The pager's own id of the person. */
  id: string;
  name: string;
  email: string | null;
  /** Of the escalation policy, from 1. */
  level: number;
  /** null: named in the policy itself. */
  schedule: string | null;
  /** When the shift ends, ms since the epoch; null: never. */
  until: number | null;
  /** Who has the shift after this one; null: nobody, or not known. */
  next: string | null;
  /** null: they could not be read. */
  contacts: ContactMethod[] | null;
}

export type OnCallNow = { state: 'known'; people: OnCallPerson[] } | { state: 'unavailable'; reason: string };
