import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'docs', 'build', 'src/generated'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: {
        project: './tests/tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // An empty text of the environment is none.
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true } },
      ],
      // What the checks before it have shown; the type checker cannot see them.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A source or a callback may throw anything, and it is thrown as it was.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
  {
    files: ['tests/**/*.ts'],
    // node:test waits for what test() and its like return.
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
);
