import {
  Outcome as OutcomeNumber,
  Plan as PlanNumber,
  UploadFailure_Advice as AdviceNumber,
  UploadProgress_Phase as PhaseNumber,
} from './generated/lakefs_staging/v1/staging.js';

/** A value that a newer gateway knows and this package does not: its number. */
export type Unrecognized = `${number}`;

/**
 * What is known about an upload: the object is stored and linked (`COMMITTED`);
 * nothing was linked (`NOT_COMMITTED`); another writer's object has already taken
 * its place (`SUPERSEDED`); it could not be found out (`UNKNOWN`).
 */
export type Outcome =
  'COMMITTED' | 'NOT_COMMITTED' | 'SUPERSEDED' | 'UNKNOWN' | Unrecognized;

/**
 * What to do about an error: make the same call again (`RETRY_CALL`); start over
 * with all the bytes (`RESTART`); change the request first (`FIX_REQUEST`); have a
 * person look (`GIVE_UP`).
 */
export type Advice =
  'RETRY_CALL' | 'RESTART' | 'FIX_REQUEST' | 'GIVE_UP' | Unrecognized;

/** How an object's bytes went to the store. */
export type Plan =
  | 'SINGLE_PUT'
  | 'MULTIPART'
  | 'AZURE_BLOCKS'
  | 'SPOOLED_PUT'
  | 'DIRECT_S3'
  | 'LOCAL_FILE'
  | 'THROUGH_LAKEFS'
  | Unrecognized;

/** What the gateway is doing with an upload. */
export type Phase = 'UPLOADING' | 'COMPLETING' | 'LINKING' | Unrecognized;

/** `undefined` for a value that is not told. */
export function toOutcome(number: OutcomeNumber): Outcome | undefined {
  return nameOf(OutcomeNumber, number) as Outcome | undefined;
}

export function toAdvice(number: AdviceNumber): Advice | undefined {
  return nameOf(AdviceNumber, number) as Advice | undefined;
}

export function toPlan(number: PlanNumber): Plan | undefined {
  return nameOf(PlanNumber, number) as Plan | undefined;
}

export function toPhase(number: PhaseNumber): Phase | undefined {
  return nameOf(PhaseNumber, number) as Phase | undefined;
}

/** The name of a value of an enumeration, in the type that lists them. */
function nameOf(names: Readonly<Record<number, string>>, number: number): unknown {
  return number === 0 ? undefined : (names[number] ?? String(number));
}
