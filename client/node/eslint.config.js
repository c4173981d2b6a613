import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'docs', 'build', 'src/generated'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
  },
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
    rules: {
      // node:test waits for what test() and its like return.
      '@typescript-eslint/no-floating-promises': 'off',
      // Gateways of the future know other numbers.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // What is only there to be closed at the end.
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_$' }],
    },
  },
);
