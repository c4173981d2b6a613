package example.lakefs_staging;

import example.lakefs_staging.v1.ObjectPath;

/** Where objects are linked, and which texts can be sent. */
final class Targets {
  private static final String SCHEME = "lakefs://";

  private Targets() {}

  static ObjectPath parse(String target) {
    text("target", target);
    if (!target.startsWith(SCHEME)) {
      throw bad(target, "does not begin with lakefs://");
    }
    String[] parts = target.substring(SCHEME.length()).split("/", 3);
    if (parts[0].isEmpty()) {
      throw bad(target, "names no repository");
    }
    if (parts.length < 2 || parts[1].isEmpty()) {
      throw bad(target, "names no branch");
    }
    if (parts.length < 3 || parts[2].isEmpty()) {
      throw bad(target, "names no path");
    }
    return ObjectPath.newBuilder()
        .setRepository(parts[0])
        .setBranch(parts[1])
        .setPath(parts[2])
        .build();
  }

  /** The text itself, if it can be written as UTF-8, that is, has no lone surrogate. */
  static String text(String field, String text) {
    for (int i = 0, code; i < text.length(); i += Character.charCount(code)) {
      code = text.codePointAt(i);
      if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
        throw Failure.invalid(
            String.format(
                "the %s has a lone surrogate, \\u%04x, at %d: it is not UTF-8", field, code, i));
      }
    }
    return text;
  }

  private static StagingException bad(String target, String what) {
    return Failure.invalid(
        "\"" + target + "\" " + what + "; write lakefs://repository/branch/path");
  }
}
